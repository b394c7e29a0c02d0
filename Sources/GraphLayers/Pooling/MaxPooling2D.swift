// SPDX-License-Identifier: Apache-2.0
// The largest element of windows over two axes.

import GraphOps

package struct MaxPooling2D: PoolingLayer {
  package typealias Pool = MaxPool
  package static let name = "MaxPooling2D"
  package static let summary = "The largest element of each window of [N, height, width, channels]."
  package static let spatialRank = 2
  package var options = PoolingOptions()
  package init() {}
}
