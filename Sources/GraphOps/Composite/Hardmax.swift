// SPDX-License-Identifier: Apache-2.0
// One at the largest element of each line, zero elsewhere.

import GraphIR
import KernelIR
import TensorCore

package struct Hardmax: AxisOperation {
  package static let name = "Hardmax"
  package static let summary = "1 at the first largest element along an axis and 0 elsewhere."
  package var axis = -1
  package init() {}

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    try evaluateLines(operands[0]) { line in
      var best = 0
      for (index, value) in line.enumerated() where value > line[best] || (value.isNaN && !line[best].isNaN) {
        best = index
      }
      return line.indices.map { $0 == best ? 1 : 0 }
    }
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let place = try? normalized(axis, rank: x.rank, for: Self.name) else {
      return .leaf
    }
    return .decompose { builder, operands throws(TypeError) in
      guard let value = operands[0] else { throw TypeError("'Hardmax' needs an operand") }
      // Nothing to choose from, and nothing to compute.
      if x.shape[place] == 0 { return [value] }
      let best = try builder.emit(ArgMax(axis: place), value)
      return [try builder.emit(Cast(to: x.dtype), try builder.isIndex(best, axis: place, size: x.shape[place]))]
    }
  }

  /// Constant almost everywhere.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }
}
