// SPDX-License-Identifier: Apache-2.0
// The mean of several operands.

import GraphIR
import KernelIR
import TensorCore

package struct Mean: ElementwiseOperation {
  package static let name = "Mean"
  package static let summary = "The sum of the operands divided by their number, with broadcasting."
  package static let operands = [Slot("data_0"), Slot("data", .variadic)]
  package static let accuracy = Accuracy.accumulation
  package init() {}

  package func reference(_ x: [Double]) -> Double { x.dropFirst().reduce(x[0], +) / Double(x.count) }
  package func scalar(_ x: [Expr]) -> Expr { x.dropFirst().reduce(x[0], +) / Double(x.count) }

  /// d/dxᵢ = 1/n
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return context.operands.map { _ in nil } }
    let share = try context.scaled(seed, by: 1 / Double(context.operands.count))
    var gradients: [ValueID?] = []
    for operand in context.operands {
      guard let operand else { continue }
      gradients.append(try context.unbroadcast(share, to: operand))
    }
    return gradients
  }

  package static var rules: [Rule] {
    [
      // One operand is its own mean.
      Rule("mean-of-one", on: Mean.self) { _, context throws(TypeError) in
        guard context.operands.count == 1, let x = context.operands[0] else { return nil }
        return [x]
      }
    ]
  }
}
