// SPDX-License-Identifier: Apache-2.0
// A smooth max(0, x).

import GraphIR
import KernelIR
import TensorCore

package struct Softplus: UnaryOperation {
  package static let name = "Softplus"
  package static let summary = "ln(1 + exp(x)), without overflow."
  package static let accuracy = Accuracy.ulps(4)
  package init() {}

  package func reference(_ x: [Double]) -> Double { softplus(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.softplus, x[0]) }

  /// d/dx = sigmoid(x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.emit(Sigmoid(), x)
  }
}
