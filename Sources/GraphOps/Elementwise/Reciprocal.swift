// SPDX-License-Identifier: Apache-2.0
// One over x.

import GraphIR
import KernelIR
import TensorCore

package struct Reciprocal: UnaryOperation {
  package static let name = "Reciprocal"
  package static let summary = "1 / x; ±∞ at ±0."
  package static let accuracy = Accuracy.ulps(1)
  package static let sampleRange = 0.2...3
  package init() {}

  package func reference(_ x: [Double]) -> Double { 1 / x[0] }
  package func scalar(_ x: [Expr]) -> Expr { 1.0 / x[0] }

  /// d/dx = -1/x² = -y²
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.neg(try g.square(y))
  }
}
