// SPDX-License-Identifier: Apache-2.0
// Subtraction.

import GraphIR
import KernelIR
import TensorCore

package struct Sub: ElementwiseOperation {
  package static let name = "Sub"
  package static let summary = "a - b, with broadcasting; integers wrap."
  package static let operands = [Slot("A"), Slot("B")]
  package static let domain = DType.numbers
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0] - x[1] }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { x[0] &- x[1] }
  package func scalar(_ x: [Expr]) -> Expr { x[0] - x[1] }

  /// d/da = 1, d/db = -1
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let a = context.operands[0], let b = context.operands[1] else {
      return [nil, nil]
    }
    let toB = try context.neg(try context.unbroadcast(seed, to: b))
    return [try context.unbroadcast(seed, to: a), toB]
  }

  package static var rules: [Rule] {
    [
      // x - 0 = x. A negative zero would turn -0 into 0, so for floats only +0 is neutral.
      Rule("sub-zero", on: Sub.self) { _, context throws(TypeError) in
        guard let a = context.operands[0], let x = context.type(0), let y = context.type(1),
          let zero = context.splat(1), zero == 0, !x.dtype.isFloat || zero.sign == .plus,
          x.shape == (try broadcast([x, y], for: name))
        else { return nil }
        return [a]
      },
      // a - (-b) = a + b, exactly.
      Rule("sub-of-neg", on: Sub.self) { _, context throws(TypeError) in
        guard let inner = context.producer(of: 1, as: Neg.self) else { return nil }
        return [try context.builder.emit(Add(), context.operands[0], inner.node.operands[0])]
      },
    ]
  }
}
