// SPDX-License-Identifier: Apache-2.0
// The square root.

import GraphIR
import KernelIR
import TensorCore

package struct Sqrt: UnaryOperation {
  package static let name = "Sqrt"
  package static let summary = "√x; NaN below 0."
  package static let accuracy = Accuracy.ulps(1)
  package static let sampleRange = 0.1...5
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0].squareRoot() }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.sqrt, x[0]) }

  /// d/dx = 1 / (2·√x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.div(try g.scalar(0.5, like: x), y)
  }
}
