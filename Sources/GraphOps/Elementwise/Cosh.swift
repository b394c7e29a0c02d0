// SPDX-License-Identifier: Apache-2.0
// The hyperbolic cosine.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Cosh: UnaryOperation {
  package static let name = "Cosh"
  package static let summary = "cosh x."
  package static let accuracy = Accuracy.ulps(4)
  package init() {}

  package func reference(_ x: [Double]) -> Double { cosh(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.cosh, x[0]) }

  /// d/dx = sinh(x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.emit(Sinh(), x)
  }
}
