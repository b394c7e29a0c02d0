// SPDX-License-Identifier: Apache-2.0
// Logical negation.

import GraphIR
import KernelIR
import TensorCore

package struct Not: IntegerOperation {
  package static let name = "Not"
  package static let summary = "True where the operand is false."
  package static let domain: Set<DType> = [.bool]
  package init() {}

  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { x[0] == 0 ? 1 : 0 }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.not, x[0]) }

  package static var rules: [Rule] {
    [
      // Bools are 0 or 1.
      Rule("not-of-not", on: Not.self) { _, context throws(TypeError) in
        guard let inner = context.producer(of: 0, as: Not.self), let x = inner.node.operands[0] else { return nil }
        return [x]
      }
    ]
  }
}
