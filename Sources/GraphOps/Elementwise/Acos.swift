// SPDX-License-Identifier: Apache-2.0
// The inverse cosine.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Acos: UnaryOperation {
  package static let name = "Acos"
  package static let summary = "arccos x, in radians; NaN outside [-1, 1]."
  package static let accuracy = Accuracy.ulps(4)
  package static let sampleRange = -0.9...0.9
  package init() {}

  package func reference(_ x: [Double]) -> Double { acos(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.acos, x[0]) }

  /// d/dx = -1 / √((1 - x)(1 + x)), without the cancellation of 1 - x²
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    let product = try g.mul(try g.minus(1, x), try g.plus(1, x))
    return try g.neg(try g.reciprocal(try g.emit(Sqrt(), product)))
  }
}
