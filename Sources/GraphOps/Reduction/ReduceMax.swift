// SPDX-License-Identifier: Apache-2.0
// Maximum over axes.

import GraphIR
import KernelIR
import TensorCore

package struct ReduceMax: ReductionOperation {
  package static let name = "ReduceMax"
  package static let summary =
    "The largest element over axes; NaN where one is NaN; of no elements the smallest value of the "
    + "type. For bool: whether any is true."
  package static let accuracy = Accuracy.exact
  package static let domain = DType.everything
  package var axes: [Int] = []
  package var keepDims = true
  package var noopWithEmptyAxes = false
  package init() {}

  package func combiner(_ dtype: DType) -> Combiner { dtype == .bool ? .or : .max }
  package func reference(_ group: [Double]) -> Double { group.reduce(-.infinity, maximum) }
  package func reference(_ group: [Int64], _ dtype: DType) -> Int64 {
    group.reduce(dtype.integerRange?.low ?? 0) { isLess($0, $1, dtype) ? $1 : $0 }
  }

  /// The seed goes to the largest element, in equal parts where several are.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let x = context.operands[0] else { return [nil] }
    return [try context.shareAmongExtremes(ofReduced: try reducedAxes(rank: context.type(x).rank))]
  }
}
