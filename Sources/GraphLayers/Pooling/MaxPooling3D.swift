// SPDX-License-Identifier: Apache-2.0
// The largest element of windows over three axes.

import GraphOps

package struct MaxPooling3D: PoolingLayer {
  package typealias Pool = MaxPool
  package static let name = "MaxPooling3D"
  package static let summary = "The largest element of each window of [N, depth, height, width, channels]."
  package static let spatialRank = 3
  package var options = PoolingOptions()
  package init() {}
}
