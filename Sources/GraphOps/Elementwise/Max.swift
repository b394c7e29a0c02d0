// SPDX-License-Identifier: Apache-2.0
// The largest of several operands.

import GraphIR
import KernelIR
import TensorCore

package struct Max: ElementwiseOperation {
  package static let name = "Max"
  package static let summary = "The largest of the operands, with broadcasting; NaN where one is NaN."
  package static let operands = [Slot("data_0"), Slot("data", .variadic)]
  package static let domain = DType.numbers
  package init() {}

  package func reference(_ x: [Double]) -> Double { x.dropFirst().reduce(x[0], maximum) }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 {
    x.dropFirst().reduce(x[0]) { isLess($0, $1, dtype) ? $1 : $0 }
  }
  package func scalar(_ x: [Expr]) -> Expr { x.dropFirst().reduce(x[0]) { .max($0, $1) } }

  /// The seed goes to the largest operand, in equal parts where several are.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    try context.shareAmongExtremes()
  }

  package static var rules: [Rule] {
    [
      // The largest of one is itself.
      Rule("max-of-one", on: Max.self) { _, context throws(TypeError) in
        guard context.operands.count == 1, let x = context.operands[0] else { return nil }
        return [x]
      }
    ]
  }
}
