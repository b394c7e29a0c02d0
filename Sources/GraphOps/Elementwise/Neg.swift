// SPDX-License-Identifier: Apache-2.0
// Negation.

import GraphIR
import KernelIR
import TensorCore

package struct Neg: UnaryOperation {
  package static let name = "Neg"
  package static let summary = "-x; the smallest integer wraps to itself."
  package static let domain = DType.floats.union([.i8, .i16, .i32, .i64])
  package init() {}

  package func reference(_ x: [Double]) -> Double { -x[0] }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { 0 &- x[0] }
  package func scalar(_ x: [Expr]) -> Expr { -x[0] }

  /// d/dx = -1
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.filled(-1, like: x)
  }

  package static var rules: [Rule] {
    [
      // Changing the sign twice is exact, for wrapping integers too.
      Rule("neg-of-neg", on: Neg.self) { _, context throws(TypeError) in
        guard let inner = context.producer(of: 0, as: Neg.self), let x = inner.node.operands[0] else { return nil }
        return [x]
      }
    ]
  }
}
