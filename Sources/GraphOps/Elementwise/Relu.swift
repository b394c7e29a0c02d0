// SPDX-License-Identifier: Apache-2.0
// The rectifier.

import GraphIR
import KernelIR
import TensorCore

package struct Relu: ElementwiseOperation {
  package static let name = "Relu"
  package static let summary = "max(0, x); NaN stays NaN."
  package static let domain = DType.floats.union([.i8, .i16, .i32, .i64])
  package init() {}

  package func reference(_ x: [Double]) -> Double { maximum(0, x[0]) }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { max(0, x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .max(x[0], .constant(0, x[0].dtype)) }

  /// d/dx = 1 for x > 0, else 0
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    return [try context.masked(seed, where: try context.isGreater(x, 0))]
  }

  package static var rules: [Rule] {
    [
      // What is not negative stays.
      Rule("relu-of-relu", on: Relu.self) { _, context throws(TypeError) in
        guard context.producer(of: 0, as: Relu.self) != nil, let x = context.operands[0] else { return nil }
        return [x]
      }
    ]
  }
}
