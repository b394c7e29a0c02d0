// SPDX-License-Identifier: Apache-2.0
// Values moved toward zero, small ones to zero.

import GraphIR
import KernelIR
import TensorCore

package struct Shrink: ElementwiseOperation {
  package static let name = "Shrink"
  package static let summary = "x + bias for x < -λ, x - bias for x > λ, else 0."
  package static let accuracy = Accuracy.ulps(1)
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("bias", \.bias, "what is taken from the magnitude"),
      Attribute("lambd", \.lambda, "the threshold λ"),
    ]
  }
  package var bias = 0.0
  package var lambda = 0.5
  package init() {}

  package func reference(_ x: [Double]) -> Double {
    x[0] < -lambda ? x[0] + bias : x[0] > lambda ? x[0] - bias : 0
  }
  package func scalar(_ x: [Expr]) -> Expr {
    let dtype = x[0].dtype
    let above = Expr.select(.less(.constant(lambda, dtype), x[0]), x[0] - bias, .constant(0, dtype))
    return .select(.less(x[0], .constant(-lambda, dtype)), x[0] + bias, above)
  }

  /// d/dx = 1 where |x| > λ, else 0
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let outside = try context.emit(Or(), try context.isLess(x, -lambda), try context.isGreater(x, lambda))
    return [try context.masked(seed, where: outside)]
  }
}
