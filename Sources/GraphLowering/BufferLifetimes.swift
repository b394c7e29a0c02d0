// SPDX-License-Identifier: Apache-2.0
// When each buffer of the arena holds something, and which buffers are one because a kernel writes over its operand.

import KernelIR
import PlanIR
import TensorCore

struct BufferLifetimes {
  private var lives: [ClosedRange<Int>?]
  private var owners: [Int]
  private let byteCounts: [Dim]
  /// For each buffer the last step of a loop that it has to outlive.
  private var loopEnds: [Int?]

  init(_ steps: [Plan.Step], byteCounts: [Dim]) {
    self.byteCounts = byteCounts
    owners = Array(byteCounts.indices)
    lives = Array(repeating: nil, count: byteCounts.count)
    loopEnds = Array(repeating: nil, count: byteCounts.count)
    for (index, step) in steps.enumerated() {
      for reference in step.buffers {
        guard case .arena(let number) = reference.space else { continue }
        lives[number] = (lives[number]?.lowerBound ?? index)...index
      }
    }
    // What a loop body shares with the steps around it stays for all iterations. What an inner loop extends stays within
    // the outer one, so the order does not matter.
    for (index, step) in steps.enumerated().reversed() {
      guard case .loop(let body, _, _, _, _, _) = step.control else { continue }
      let inside = index + 1...index + max(1, body)
      for (number, life) in lives.enumerated() {
        guard let life, life.overlaps(inside), life.lowerBound < inside.lowerBound || life.upperBound > inside.upperBound
        else { continue }
        lives[number] = min(life.lowerBound, index)...max(life.upperBound, inside.upperBound)
        loopEnds[number] = max(loopEnds[number] ?? 0, inside.upperBound)
      }
    }
  }

  /// The buffer whose memory a buffer shares; itself when it has its own.
  func owner(_ number: Int) -> Int { owners[number] }

  /// The steps during which a buffer that has its own memory holds something; nil for one that nothing uses.
  func life(_ number: Int) -> ClosedRange<Int>? { lives[number] }

  /// Lets kernels write their results over operands that they read for the last time, where every element is read only
  /// just before the one at the same place is written.
  mutating func reuse(_ steps: [Plan.Step], _ calls: [LoweredKernel?]) {
    for (index, step) in steps.enumerated() {
      // With several results, one written early could still be an operand of the next.
      guard let kernel = calls[index]?.kernel, kernel.parameters.filter({ $0.access != .read }).count == 1,
        let target = kernel.parameters.firstIndex(where: { $0.access != .read }),
        case .arena(let result) = step.buffers[target].space, step.buffers[target].byteOffset == 0,
        owners[result] == result, lives[result]?.lowerBound == index
      else { continue }
      let places = step.buffers.map { reference -> Int? in
        if case .arena(let number) = reference.space { owners[number] } else { nil }
      }
      for (number, place) in places.enumerated() where number != target {
        guard let place, place != result, let life = lives[place], let end = lives[result]?.upperBound,
          life.upperBound == index, loopEnds[place] != index, byteCounts[place] == byteCounts[result], step.buffers[number].byteOffset == 0,
          kernel.parameters[number].dtype == kernel.parameters[target].dtype,
          kernel.parameters[number].access == .read, kernel.mayShare(read: number, write: target),
          // Another argument may live in the same memory already.
          places.filter({ $0 == place }).count == 1
        else { continue }
        owners[result] = place
        lives[place] = life.lowerBound...end
        break
      }
    }
  }
}
