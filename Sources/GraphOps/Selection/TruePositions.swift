// SPDX-License-Identifier: Apache-2.0
// The positions of the true elements, in as much room as there can be: what all selections are made of.

import GraphIR
import KernelIR
import TensorCore

/// Not an operator of ONNX, whose NonZero has results of just the size they need.
package struct TruePositions: Operation {
  package static let name = "TruePositions"
  package static let summary = "The row-major positions of the true elements, zeros after them, and their number."
  package static let operands = [Slot("mask")]
  package static let results = [Slot("positions"), Slot("count")]
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let mask = operands[0], mask.dtype == .bool else {
      throw TypeError("'TruePositions' is given \(operands[0].map(\.description) ?? "nothing"), expected bools")
    }
    return [TensorType(.i64, [mask.elementCount]), TensorType(.i64, [])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let mask = operands[0] else { throw TypeError("'TruePositions' needs an operand") }
    let positions = mask.integers.indices.filter { mask.integers[$0] != 0 }.map(Int64.init)
    let padding = [Int64](repeating: 0, count: mask.count - positions.count)
    return [
      Reference(.i64, [mask.count], integers: positions + padding),
      Reference(.i64, [], integers: [Int64(positions.count)]),
    ]
  }

  /// One tile: each position depends on how many came before.
  package func lower(_ types: NodeTypes) -> Lowering {
    let size = types.results[0].shape[0]
    return .loops { context in
      let count = context.local("count", .i64)
      let (clear, step) = (context.axis("z"), context.axis("i"))
      let extent = context.size(size)
      return [
        .loop(Loop(clear, extent, .vector(unroll: 1), [context.store(0, at: .axis(clear), .int(0))])),
        .variable(count, .int(0)),
        .loop(
          Loop(
            step, extent, .serial,
            [
              .branch(
                context.load(0, at: .axis(step)),
                then: [context.store(0, at: .local(count), .axis(step)), .assign(count, .local(count) + .int(1))],
                else: [])
            ])),
        context.store(1, at: .int(0), .local(count)),
      ]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    Sample(TruePositions(), [TensorType(.bool, random.shape(maxRank: 3).map { Dim($0) })])
  }
}
