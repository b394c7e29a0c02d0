// SPDX-License-Identifier: Apache-2.0
// The mean of windows over one axis.

import GraphOps

package struct AveragePooling1D: PoolingLayer {
  package typealias Pool = AveragePool
  package static let name = "AveragePooling1D"
  package static let summary = "The mean (padding left out) of each window of [N, steps, channels]."
  package static let spatialRank = 1
  package var options = PoolingOptions()
  package init() {}
}
