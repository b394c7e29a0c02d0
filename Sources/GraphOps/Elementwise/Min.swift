// SPDX-License-Identifier: Apache-2.0
// The smallest of several operands.

import GraphIR
import KernelIR
import TensorCore

package struct Min: ElementwiseOperation {
  package static let name = "Min"
  package static let summary = "The smallest of the operands, with broadcasting; NaN where one is NaN."
  package static let operands = [Slot("data_0"), Slot("data", .variadic)]
  package static let domain = DType.numbers
  package init() {}

  package func reference(_ x: [Double]) -> Double { x.dropFirst().reduce(x[0], minimum) }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 {
    x.dropFirst().reduce(x[0]) { isLess($1, $0, dtype) ? $1 : $0 }
  }
  package func scalar(_ x: [Expr]) -> Expr { x.dropFirst().reduce(x[0]) { .min($0, $1) } }

  /// The seed goes to the smallest operand, in equal parts where several are.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    try context.shareAmongExtremes()
  }

  package static var rules: [Rule] {
    [
      // The smallest of one is itself.
      Rule("min-of-one", on: Min.self) { _, context throws(TypeError) in
        guard context.operands.count == 1, let x = context.operands[0] else { return nil }
        return [x]
      }
    ]
  }
}
