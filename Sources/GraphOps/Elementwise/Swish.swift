// SPDX-License-Identifier: Apache-2.0
// x times the sigmoid of α·x; SiLU for α = 1.

import GraphIR
import KernelIR
import TensorCore

package struct Swish: UnaryOperation {
  package static let name = "Swish"
  package static let summary = "x · sigmoid(α·x)."
  package static let accuracy = Accuracy.ulps(8)
  package static var attributes: [Attribute<Self>] { [Attribute("alpha", \.alpha, "the steepness")] }
  package var alpha = 1.0
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0] * sigmoid(alpha * x[0]) }
  package func scalar(_ x: [Expr]) -> Expr {
    alpha == 1 ? .unary(.silu, x[0]) : x[0] * Expr.unary(.sigmoid, alpha * x[0])
  }

  /// d/dx = s + α·x·s·(1 - s) with s = sigmoid(α·x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    let s = try g.emit(Sigmoid(), alpha == 1 ? x : try g.scaled(x, by: alpha))
    let bend = try g.mul(try g.scaled(x, by: alpha), try g.mul(s, try g.minus(1, s)))
    return try g.add(s, bend)
  }
}
