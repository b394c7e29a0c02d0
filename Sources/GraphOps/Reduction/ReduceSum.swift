// SPDX-License-Identifier: Apache-2.0
// Sum over axes.

import GraphIR
import KernelIR
import TensorCore

package struct ReduceSum: ReductionOperation {
  package static let name = "ReduceSum"
  package static let summary = "The sum of elements over axes; integers wrap."
  package var axes: [Int] = []
  package var keepDims = true
  package var noopWithEmptyAxes = false
  package init() {}

  package func combiner(_ dtype: DType) -> Combiner { .sum }
  package func reference(_ group: [Double]) -> Double { group.reduce(0, +) }
  package func reference(_ group: [Int64], _ dtype: DType) -> Int64 { group.reduce(0, &+) }

  /// d/dx = 1, so the seed is spread over the reduced axes.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    return [try context.spread(seed, overReduced: try reducedAxes(rank: context.type(x).rank), of: x)]
  }
}

extension GradientContext {
  /// A value of a reduction's result shape, broadcast back to its operand's.
  package mutating func spread(_ value: ValueID, overReduced axes: [Int], of operand: ValueID) throws(TypeError)
    -> ValueID
  {
    let shape = type(operand).shape
    let kept = shape.indices.map { axes.contains($0) ? Dim(1) : shape[$0] }
    let aligned = type(value).shape == kept ? value : try emit(Reshape(exactly: kept), value)
    return try emit(Expand(shape: shape), aligned)
  }
}
