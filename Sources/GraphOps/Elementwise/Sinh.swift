// SPDX-License-Identifier: Apache-2.0
// The hyperbolic sine.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Sinh: UnaryOperation {
  package static let name = "Sinh"
  package static let summary = "sinh x."
  package static let accuracy = Accuracy.ulps(4)
  package init() {}

  package func reference(_ x: [Double]) -> Double { sinh(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.sinh, x[0]) }

  /// d/dx = cosh(x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.emit(Cosh(), x)
  }
}
