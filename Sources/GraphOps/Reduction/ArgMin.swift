// SPDX-License-Identifier: Apache-2.0
// The position of the smallest element of an axis.

import GraphIR
import KernelIR

package struct ArgMin: ExtremeIndexOperation {
  package static let name = "ArgMin"
  package static let summary = "The index (i64) of the smallest element along an axis; the first NaN wins over numbers."
  package static let combiner = Combiner.min
  package var axis = 0
  package var keepDims = true
  package var selectLastIndex = false
  package init() {}
  package init(axis: Int, keepDims: Bool = true) {
    self.axis = axis
    self.keepDims = keepDims
  }
}
