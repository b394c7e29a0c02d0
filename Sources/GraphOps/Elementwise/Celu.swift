// SPDX-License-Identifier: Apache-2.0
// Continuously differentiable exponential linear unit.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Celu: UnaryOperation {
  package static let name = "Celu"
  package static let summary = "max(0, x) + min(0, α·(exp(x/α) - 1))."
  package static let accuracy = Accuracy.ulps(4)
  package static var attributes: [Attribute<Self>] { [Attribute("alpha", \.alpha, "the size of the negative part")] }
  package var alpha = 1.0
  package init() {}

  package func reference(_ x: [Double]) -> Double {
    // expm1 keeps the digits of small x.
    x[0] < 0 ? alpha * expm1(x[0] / alpha) : x[0]
  }
  package func scalar(_ x: [Expr]) -> Expr {
    let below = alpha * Expr.unary(.expm1, x[0] / alpha)
    return .select(.less(x[0], .constant(0, x[0].dtype)), below, x[0])
  }

  /// d/dx = 1 for x > 0, else exp(x/α)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    let below = try g.emit(Exp(), try g.scaled(x, by: 1 / alpha))
    return try g.emit(Where(), try g.isGreater(x, 0), try g.scalar(1, like: x), below)
  }
}
