// SPDX-License-Identifier: Apache-2.0
// The sum of several operands.

import GraphIR
import KernelIR
import TensorCore

package struct Sum: ElementwiseOperation {
  package static let name = "Sum"
  package static let summary = "The sum of the operands from first to last, with broadcasting."
  package static let operands = [Slot("data_0"), Slot("data", .variadic)]
  package static let accuracy = Accuracy.accumulation
  package init() {}

  package func reference(_ x: [Double]) -> Double { x.dropFirst().reduce(x[0], +) }
  package func scalar(_ x: [Expr]) -> Expr { x.dropFirst().reduce(x[0], +) }

  /// d/dxᵢ = 1
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return context.operands.map { _ in nil } }
    var gradients: [ValueID?] = []
    for operand in context.operands {
      guard let operand else { continue }
      gradients.append(try context.unbroadcast(seed, to: operand))
    }
    return gradients
  }

  package static var rules: [Rule] {
    [
      // One operand is its own sum, two are Add.
      Rule("sum-of-few", on: Sum.self) { _, context throws(TypeError) in
        guard context.operands.count <= 2, let x = context.operands[0] else { return nil }
        return context.operands.count == 1 ? [x] : [try context.builder.emit(Add(), x, context.operands[1])]
      }
    ]
  }
}
