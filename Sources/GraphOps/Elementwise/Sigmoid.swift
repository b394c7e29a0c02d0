// SPDX-License-Identifier: Apache-2.0
// The logistic function.

import GraphIR
import KernelIR
import TensorCore

package struct Sigmoid: UnaryOperation {
  package static let name = "Sigmoid"
  package static let summary = "1 / (1 + exp(-x))."
  package static let accuracy = Accuracy.ulps(2.5)
  package init() {}

  package func reference(_ x: [Double]) -> Double { sigmoid(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.sigmoid, x[0]) }

  /// d/dx = y·(1 - y)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.mul(y, try g.minus(1, y))
  }
}
