// SPDX-License-Identifier: Apache-2.0
// Values moved toward zero, small ones to zero.

import GraphIR
import KernelIR
import TensorCore

/// Integers are computed in f64.
package struct Shrink: ElementwiseOperation {
  package static let name = "Shrink"
  package static let summary = "x + bias for x < -λ, x - bias for x > λ, else 0."
  package static let accuracy = Accuracy.ulps(1)
  package static let domain = DType.numbers.subtracting([.u64])
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
    let dtype = x[0].dtype.isFloat ? x[0].dtype : .f64
    let value = x[0].cast(to: dtype)
    let above = Expr.select(.less(.constant(lambda, dtype), value), value - bias, .constant(0, dtype))
    return Expr.select(.less(value, .constant(-lambda, dtype)), value + bias, above).cast(to: x[0].dtype)
  }

  /// d/dx = 1 where |x| > λ, else 0
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], context.type(x).dtype.isFloat else { return [nil] }
    let outside = try context.emit(Or(), try context.isLess(x, -lambda), try context.isGreater(x, lambda))
    return [try context.masked(seed, where: outside)]
  }
}
