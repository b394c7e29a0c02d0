// SPDX-License-Identifier: Apache-2.0
// exp(x) - 1 without cancellation. Not an operator of ONNX.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Expm1: UnaryOperation {
  package static let name = "Expm1"
  package static let summary = "exp(x) - 1, with all digits for small x."
  package static let accuracy = Accuracy.ulps(3)
  package init() {}

  package func reference(_ x: [Double]) -> Double { expm1(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.expm1, x[0]) }

  /// d/dx = exp(x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.emit(Exp(), x)
  }
}
