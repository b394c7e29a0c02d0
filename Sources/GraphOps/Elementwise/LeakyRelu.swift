// SPDX-License-Identifier: Apache-2.0
// A rectifier with a slope for negative values.

import GraphIR
import KernelIR
import TensorCore

package struct LeakyRelu: ElementwiseOperation {
  package static let name = "LeakyRelu"
  package static let summary = "x for x ≥ 0, else α·x."
  package static let accuracy = Accuracy.ulps(1)
  package static var attributes: [Attribute<Self>] { [Attribute("alpha", \.alpha, "the slope for negative values")] }
  package var alpha = 0.01
  package init() {}
  package init(alpha: Double) { self.alpha = alpha }

  package func reference(_ x: [Double]) -> Double { x[0] < 0 ? alpha * x[0] : x[0] }
  package func scalar(_ x: [Expr]) -> Expr { .select(.less(x[0], .constant(0, x[0].dtype)), alpha * x[0], x[0]) }

  /// d/dx = 1 for x > 0, else α
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let below = try context.scaled(seed, by: alpha)
    return [try context.emit(Where(), try context.isGreater(x, 0), seed, below)]
  }
}
