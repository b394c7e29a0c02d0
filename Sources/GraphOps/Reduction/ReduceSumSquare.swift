// SPDX-License-Identifier: Apache-2.0
// Sum of squares over axes.

import GraphIR
import KernelIR
import TensorCore

package struct ReduceSumSquare: ReductionOperation {
  package static let name = "ReduceSumSquare"
  package static let summary = "Σx² over axes; integers wrap."
  package static let domain = DType.floats.union([.i32, .i64, .u32, .u64])
  package var axes: [Int] = []
  package var keepDims = true
  package var noopWithEmptyAxes = false
  package init() {}

  package func combiner(_ dtype: DType) -> Combiner { .sum }
  package func element(_ x: Expr) -> Expr { x * x }
  package func reference(_ group: [Double]) -> Double { group.reduce(0) { $0 + $1 * $1 } }
  package func reference(_ group: [Int64], _ dtype: DType) -> Int64 { group.reduce(0) { $0 &+ $1 &* $1 } }

  /// d/dx = 2·x
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], context.type(x).dtype.isFloat else { return [nil] }
    let axes = try reducedAxes(rank: context.type(x).rank)
    return [try context.mul(try context.spread(seed, overReduced: axes, of: x), try context.scaled(x, by: 2))]
  }
}
