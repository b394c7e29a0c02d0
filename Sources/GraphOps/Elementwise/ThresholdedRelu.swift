// SPDX-License-Identifier: Apache-2.0
// A rectifier that lets values above a threshold pass.

import GraphIR
import KernelIR
import TensorCore

package struct ThresholdedRelu: ElementwiseOperation {
  package static let name = "ThresholdedRelu"
  package static let summary = "x for x > α, else 0."
  package static var attributes: [Attribute<Self>] { [Attribute("alpha", \.alpha, "the threshold")] }
  package var alpha = 1.0
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0] > alpha ? x[0] : 0 }
  package func scalar(_ x: [Expr]) -> Expr {
    let zero = Expr.constant(0, x[0].dtype)
    return .select(.less(.constant(alpha, x[0].dtype), x[0]), x[0], zero)
  }

  /// d/dx = 1 for x > α, else 0
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    return [try context.masked(seed, where: try context.isGreater(x, alpha))]
  }
}
