// SPDX-License-Identifier: Apache-2.0
// Exponential linear unit.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Elu: UnaryOperation {
  package static let name = "Elu"
  package static let summary = "x for x ≥ 0, else α·(exp(x) - 1)."
  package static let accuracy = Accuracy.ulps(3)
  package static var attributes: [Attribute<Self>] { [Attribute("alpha", \.alpha, "the size of the negative part")] }
  package var alpha = 1.0
  package init() {}

  package func reference(_ x: [Double]) -> Double {
    // expm1 keeps the digits of small x.
    x[0] < 0 ? alpha * expm1(x[0]) : x[0]
  }
  package func scalar(_ x: [Expr]) -> Expr {
    .select(.less(x[0], .constant(0, x[0].dtype)), alpha * Expr.unary(.expm1, x[0]), x[0])
  }

  /// d/dx = 1 for x > 0, else α·exp(x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    let below = try g.scaled(try g.emit(Exp(), x), by: alpha)
    return try g.emit(Where(), try g.isGreater(x, 0), try g.scalar(1, like: x), below)
  }
}
