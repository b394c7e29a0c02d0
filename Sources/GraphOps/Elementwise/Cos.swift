// SPDX-License-Identifier: Apache-2.0
// The cosine.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Cos: UnaryOperation {
  package static let name = "Cos"
  package static let summary = "cos x, x in radians."
  package static let accuracy = Accuracy.ulps(4)
  package init() {}

  package func reference(_ x: [Double]) -> Double { cos(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.cos, x[0]) }

  /// d/dx = -sin(x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.neg(try g.emit(Sin(), x))
  }
}
