// SPDX-License-Identifier: Apache-2.0
// The largest element of windows over one axis.

import GraphOps

package struct MaxPooling1D: PoolingLayer {
  package typealias Pool = MaxPool
  package static let name = "MaxPooling1D"
  package static let summary = "The largest element of each window of [N, steps, channels]."
  package static let spatialRank = 1
  package var options = PoolingOptions()
  package init() {}
}
