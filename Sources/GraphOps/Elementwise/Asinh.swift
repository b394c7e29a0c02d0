// SPDX-License-Identifier: Apache-2.0
// The inverse hyperbolic sine.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Asinh: UnaryOperation {
  package static let name = "Asinh"
  package static let summary = "arsinh x."
  package static let accuracy = Accuracy.ulps(4)
  package init() {}

  package func reference(_ x: [Double]) -> Double { asinh(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.asinh, x[0]) }

  /// d/dx = 1 / √(x² + 1)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.reciprocal(try g.emit(Sqrt(), try g.plus(1, try g.square(x))))
  }
}
