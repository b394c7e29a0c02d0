// SPDX-License-Identifier: Apache-2.0
// x over one plus its magnitude.

import GraphIR
import KernelIR
import TensorCore

package struct Softsign: UnaryOperation {
  package static let name = "Softsign"
  package static let summary = "x / (1 + |x|)."
  package static let accuracy = Accuracy.ulps(2)
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0] / (1 + x[0].magnitude) }
  package func scalar(_ x: [Expr]) -> Expr { x[0] / (1.0 + Expr.unary(.abs, x[0])) }

  /// d/dx = 1 / (1 + |x|)²
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.reciprocal(try g.square(try g.plus(1, try g.emit(Abs(), x))))
  }
}
