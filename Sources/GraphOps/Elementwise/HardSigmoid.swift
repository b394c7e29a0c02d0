// SPDX-License-Identifier: Apache-2.0
// A piecewise linear sigmoid.

import GraphIR
import KernelIR
import TensorCore

package struct HardSigmoid: UnaryOperation {
  package static let name = "HardSigmoid"
  package static let summary = "max(0, min(1, α·x + β))."
  package static let accuracy = Accuracy.ulps(2)
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("alpha", \.alpha, "the slope"),
      Attribute("beta", \.beta, "the value at 0"),
    ]
  }
  package var alpha = 0.2
  package var beta = 0.5
  package init() {}

  package func reference(_ x: [Double]) -> Double { maximum(0, minimum(1, alpha * x[0] + beta)) }
  package func scalar(_ x: [Expr]) -> Expr {
    .max(.constant(0, x[0].dtype), .min(.constant(1, x[0].dtype), line(x[0])))
  }

  /// α·x + β as α·(x + β/α): where the line is near 0, x and the quotient cancel without loss, and what the quotient
  /// was rounded by is added after.
  private func line(_ x: Expr) -> Expr {
    let quotient = beta / alpha
    let rounded = x.dtype == .f64 ? quotient : Double(Float(quotient))
    guard abs(rounded) < 0x1p100 else { return alpha * x + beta }
    let rest = beta.addingProduct(-rounded, alpha) / alpha
    return alpha * ((x + rounded) + rest)
  }

  /// d/dx = α where 0 < α·x + β < 1, else 0
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    let line = try g.plus(beta, try g.scaled(x, by: alpha))
    let inside = try g.emit(And(), try g.isGreater(line, 0), try g.isLess(line, 1))
    return try g.masked(try g.filled(alpha, like: x), where: inside)
  }
}
