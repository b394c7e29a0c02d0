// SPDX-License-Identifier: Apache-2.0
// Every bit inverted.

import GraphIR
import KernelIR
import TensorCore

package struct BitwiseNot: IntegerOperation {
  package static let name = "BitwiseNot"
  package static let summary = "Every bit of an integer inverted."
  package static let domain = DType.integers
  package init() {}

  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { ~x[0] }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.bitNot, x[0]) }

  package static var rules: [Rule] {
    [
      // Every bit comes back.
      Rule("bitwise-not-twice", on: BitwiseNot.self) { _, context throws(TypeError) in
        guard let inner = context.producer(of: 0, as: BitwiseNot.self), let x = inner.node.operands[0] else {
          return nil
        }
        return [x]
      }
    ]
  }
}
