// SPDX-License-Identifier: Apache-2.0
// Mean over axes.

import GraphIR
import KernelIR
import TensorCore

package struct ReduceMean: ReductionOperation {
  package static let name = "ReduceMean"
  package static let summary =
    "The mean of elements over axes; integers are summed in 64 bits and truncated toward zero."
  package static let domain = DType.floats.union([.i32, .i64, .u32, .u64])
  package var axes: [Int] = []
  package var keepDims = true
  package var noopWithEmptyAxes = false
  package init() {}

  package func combiner(_ dtype: DType) -> Combiner { .sum }
  package func accumulator(_ dtype: DType) -> DType { dtype.sumType }
  package func finish(_ x: Expr, count: Expr) -> Expr { x / count.cast(to: x.dtype) }
  package func reference(_ group: [Double]) -> Double { group.reduce(0, +) / Double(group.count) }
  package func reference(_ group: [Int64], _ dtype: DType) -> Int64 {
    let sum = group.reduce(0, &+)
    if group.isEmpty { return 0 }
    if dtype == .u64 { return Int64(bitPattern: UInt64(bitPattern: sum) / UInt64(group.count)) }
    return sum / Int64(group.count)
  }

  /// d/dx = 1/n, n the number of elements of a group
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], context.type(x).dtype.isFloat else { return [nil] }
    let axes = try reducedAxes(rank: context.type(x).rank)
    let shape = context.type(x).shape
    let count = axes.map { shape[$0] }.reduce(Dim(1), *)
    let spread = try context.spread(seed, overReduced: axes, of: x)
    return [try context.div(spread, try context.emit(Dimension(count, context.type(x).dtype)))]
  }
}
