// SPDX-License-Identifier: Apache-2.0
// The inverse hyperbolic tangent.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Atanh: UnaryOperation {
  package static let name = "Atanh"
  package static let summary = "artanh x; ±∞ at ±1, NaN beyond."
  package static let accuracy = Accuracy.ulps(4)
  package static let sampleRange = -0.9...0.9
  package init() {}

  package func reference(_ x: [Double]) -> Double { atanh(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.atanh, x[0]) }

  /// d/dx = 1 / ((1 - x)(1 + x))
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.reciprocal(try g.mul(try g.minus(1, x), try g.plus(1, x)))
  }
}
