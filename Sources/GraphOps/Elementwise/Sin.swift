// SPDX-License-Identifier: Apache-2.0
// The sine.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Sin: UnaryOperation {
  package static let name = "Sin"
  package static let summary = "sin x, x in radians."
  package static let accuracy = Accuracy.ulps(4)
  package init() {}

  package func reference(_ x: [Double]) -> Double { sin(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.sin, x[0]) }

  /// d/dx = cos(x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.emit(Cos(), x)
  }
}
