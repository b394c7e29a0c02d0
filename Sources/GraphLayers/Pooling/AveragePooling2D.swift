// SPDX-License-Identifier: Apache-2.0
// The mean of windows over two axes.

import GraphOps

package struct AveragePooling2D: PoolingLayer {
  package typealias Pool = AveragePool
  package static let name = "AveragePooling2D"
  package static let summary = "The mean (padding left out) of each window of [N, height, width, channels]."
  package static let spatialRank = 2
  package var options = PoolingOptions()
  package init() {}
}
