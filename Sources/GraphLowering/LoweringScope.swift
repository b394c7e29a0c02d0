// SPDX-License-Identifier: Apache-2.0
// One graph while it is lowered, the whole or a region: where its values live.

import GraphIR
import KernelIR
import PlanIR
import TensorCore

final class LoweringScope {
  let state: LoweringState
  /// Where values live, as far as that is decided. Arena buffers are those of the assembly.
  var places: [ValueID: Plan.Reference] = [:]
  /// What has to be copied after everything else has run.
  private(set) var copies: [Copy] = []
  private var wanted: [Copy] = []

  /// A value that something needs at a place where it is not written by itself.
  struct Copy {
    var value: ValueID
    var place: Plan.Reference
    var label: String
  }

  init(_ state: LoweringState) { self.state = state }

  /// Asks for a value at a place.
  func write(_ value: ValueID, to place: Plan.Reference, label: String) {
    wanted.append(Copy(value: value, place: place, label: label))
  }

  /// Decides, once fusion knows what is stored, which values are written where they are asked for.
  func settle() {
    for var copy in wanted {
      copy.value = state.memoryRoot(copy.value)
      if isWritten(copy.value), places[copy.value] == nil {
        places[copy.value] = copy.place
      } else {
        copies.append(copy)
      }
    }
  }

  /// Whether a kernel writes a value to memory of its own, which may then be anywhere. Final states and run-time sizes
  /// are where the steps left them.
  private func isWritten(_ value: ValueID) -> Bool {
    guard let id = state.graph[value].producer, !state.isConstant(value) else { return false }
    switch state.lowerings[id.index] {
    case .control(.size): return false
    case .control(.loop(let loop)):
      let result = state.graph[id].results.firstIndex(of: value)
      return !loop.outputs.contains { if case .state(_, result) = $0 { true } else { false } }
    default: return true
    }
  }
}
