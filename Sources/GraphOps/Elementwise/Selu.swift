// SPDX-License-Identifier: Apache-2.0
// Scaled exponential linear unit.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Selu: UnaryOperation {
  package static let name = "Selu"
  package static let summary = "γ·x for x > 0, else γ·α·(exp(x) - 1)."
  package static let accuracy = Accuracy.ulps(4)
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("alpha", \.alpha, "the size of the negative part before scaling"),
      Attribute("gamma", \.gamma, "the scale"),
    ]
  }
  package var alpha = 1.67326319217681884765625
  package var gamma = 1.05070102214813232421875
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0] > 0 ? gamma * x[0] : gamma * alpha * expm1(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr {
    .select(
      .less(.constant(0, x[0].dtype), x[0]), gamma * x[0], (gamma * alpha) * Expr.unary(.expm1, x[0]))
  }

  /// d/dx = γ for x > 0, else γ·α·exp(x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    let below = try g.scaled(try g.emit(Exp(), x), by: gamma * alpha)
    return try g.emit(Where(), try g.isGreater(x, 0), try g.scalar(gamma, like: x), below)
  }
}
