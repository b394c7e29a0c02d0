// SPDX-License-Identifier: Apache-2.0
// The complementary error function: 1 - erf x without cancellation. Not an operator of ONNX.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Erfc: UnaryOperation {
  package static let name = "Erfc"
  package static let summary = "1 - erf(x), with all digits for large x."
  package static let accuracy = Accuracy.ulps(4)
  package init() {}

  package func reference(_ x: [Double]) -> Double { erfc(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.erfc, x[0]) }

  /// d/dx = -2/√π · exp(-x²)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.scaled(try g.emit(Exp(), try g.neg(try g.square(x))), by: -1.1283791670955126)
  }
}
