// SPDX-License-Identifier: Apache-2.0
// The inverse tangent.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Atan: UnaryOperation {
  package static let name = "Atan"
  package static let summary = "arctan x, in radians."
  package static let accuracy = Accuracy.ulps(4)
  package init() {}

  package func reference(_ x: [Double]) -> Double { atan(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.atan, x[0]) }

  /// d/dx = 1 / (1 + x²)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.reciprocal(try g.plus(1, try g.square(x)))
  }
}
