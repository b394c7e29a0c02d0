// SPDX-License-Identifier: Apache-2.0
// The natural logarithm.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Log: UnaryOperation {
  package static let name = "Log"
  package static let summary = "ln x; -∞ at 0, NaN below."
  package static let accuracy = Accuracy.ulps(1)
  package static let sampleRange = 0.1...5
  package init() {}

  package func reference(_ x: [Double]) -> Double { log(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.log, x[0]) }

  /// d/dx = 1 / x
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.reciprocal(x)
  }
}
