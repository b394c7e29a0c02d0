// SPDX-License-Identifier: Apache-2.0
// The hyperbolic tangent.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Tanh: UnaryOperation {
  package static let name = "Tanh"
  package static let summary = "tanh x."
  package static let accuracy = Accuracy.ulps(2)
  package init() {}

  package func reference(_ x: [Double]) -> Double { tanh(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.tanh, x[0]) }

  /// d/dx = 1 - tanh²(x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.minus(1, try g.square(y))
  }
}
