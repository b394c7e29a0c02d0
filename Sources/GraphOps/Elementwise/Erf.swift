// SPDX-License-Identifier: Apache-2.0
// The error function.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Erf: UnaryOperation {
  package static let name = "Erf"
  package static let summary = "2/√π · ∫₀ˣ exp(-t²) dt."
  package static let accuracy = Accuracy.ulps(2)
  package init() {}

  package func reference(_ x: [Double]) -> Double { erf(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.erf, x[0]) }

  /// d/dx = 2/√π · exp(-x²)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.scaled(try g.emit(Exp(), try g.neg(try g.square(x))), by: 1.1283791670955126)
  }
}
