// SPDX-License-Identifier: Apache-2.0
// x times a piecewise linear sigmoid.

import GraphIR
import KernelIR
import TensorCore

package struct HardSwish: UnaryOperation {
  package static let name = "HardSwish"
  package static let summary = "x · max(0, min(1, x/6 + 1/2))."
  package static let accuracy = Accuracy.ulps(4)
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0] * maximum(0, minimum(1, x[0] / 6 + 0.5)) }
  package func scalar(_ x: [Expr]) -> Expr {
    // (x + 3) / 6 has all digits near -3, where x/6 + 1/2 cancels.
    x[0] * Expr.max(.constant(0, x[0].dtype), .min(.constant(1, x[0].dtype), (x[0] + 3.0) / 6.0))
  }

  /// d/dx = 0 for x ≤ -3, 1 for x ≥ 3, else x/3 + 1/2
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    let middle = try g.plus(0.5, try g.scaled(x, by: 1.0 / 3))
    let low = try g.masked(middle, where: try g.isGreater(x, -3))
    return try g.emit(Where(), try g.isLess(x, 3), low, try g.scalar(1, like: x))
  }
}
