// SPDX-License-Identifier: Apache-2.0
// ln(1 + x) without cancellation. Not an operator of ONNX.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Log1p: UnaryOperation {
  package static let name = "Log1p"
  package static let summary = "ln(1 + x), with all digits for small x; -∞ at -1, NaN below."
  package static let accuracy = Accuracy.ulps(3)
  package static let sampleRange = -0.9...5
  package init() {}

  package func reference(_ x: [Double]) -> Double { log1p(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.log1p, x[0]) }

  /// d/dx = 1 / (1 + x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.reciprocal(try g.plus(1, x))
  }
}
