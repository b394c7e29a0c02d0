// SPDX-License-Identifier: Apache-2.0
// Minimum over axes.

import GraphIR
import KernelIR
import TensorCore

package struct ReduceMin: ReductionOperation {
  package static let name = "ReduceMin"
  package static let summary =
    "The smallest element over axes; NaN where one is NaN; of no elements the largest value of the "
    + "type. For bool: whether all are true."
  package static let accuracy = Accuracy.exact
  package static let domain = DType.everything
  package var axes: [Int] = []
  package var keepDims = true
  package var noopWithEmptyAxes = false
  package init() {}

  package func combiner(_ dtype: DType) -> Combiner { dtype == .bool ? .and : .min }
  package func reference(_ group: [Double]) -> Double { group.reduce(.infinity, minimum) }
  package func reference(_ group: [Int64], _ dtype: DType) -> Int64 {
    group.reduce(dtype.integerRange?.high ?? 0) { isLess($1, $0, dtype) ? $1 : $0 }
  }

  /// The seed goes to the smallest element, in equal parts where several are.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let x = context.operands[0] else { return [nil] }
    return [try context.shareAmongExtremes(ofReduced: try reducedAxes(rank: context.type(x).rank))]
  }
}
