// SPDX-License-Identifier: Apache-2.0
// The mean of windows over three axes.

import GraphOps

package struct AveragePooling3D: PoolingLayer {
  package typealias Pool = AveragePool
  package static let name = "AveragePooling3D"
  package static let summary = "The mean (padding left out) of each window of [N, depth, height, width, channels]."
  package static let spatialRank = 3
  package var options = PoolingOptions()
  package init() {}
}
