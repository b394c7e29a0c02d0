// SPDX-License-Identifier: Apache-2.0
// The absolute value.

import GraphIR
import KernelIR
import TensorCore

package struct Abs: UnaryOperation {
  package static let name = "Abs"
  package static let summary = "|x|; the smallest integer of a signed type wraps to itself."
  package static let domain = DType.numbers
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0].magnitude }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { dtype.isSigned && x[0] < 0 ? 0 &- x[0] : x[0] }
  package func scalar(_ x: [Expr]) -> Expr { x[0].dtype.isSigned ? .unary(.abs, x[0]) : x[0] }

  /// d/dx = sign(x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.emit(Sign(), x)
  }

  package static var rules: [Rule] {
    [
      // A magnitude is its own magnitude.
      Rule("abs-of-abs", on: Abs.self) { _, context throws(TypeError) in
        guard context.producer(of: 0, as: Abs.self) != nil, let x = context.operands[0] else { return nil }
        return [x]
      }
    ]
  }
}
