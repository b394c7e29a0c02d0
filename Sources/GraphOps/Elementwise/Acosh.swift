// SPDX-License-Identifier: Apache-2.0
// The inverse hyperbolic cosine.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Acosh: UnaryOperation {
  package static let name = "Acosh"
  package static let summary = "arcosh x; NaN below 1."
  package static let accuracy = Accuracy.ulps(4)
  package static let sampleRange = 1.1...5
  package init() {}

  package func reference(_ x: [Double]) -> Double { acosh(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.acosh, x[0]) }

  /// d/dx = 1 / √((x - 1)(x + 1)), without the cancellation of x² - 1
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    let product = try g.mul(try g.plus(-1, x), try g.plus(1, x))
    return try g.reciprocal(try g.emit(Sqrt(), product))
  }
}
