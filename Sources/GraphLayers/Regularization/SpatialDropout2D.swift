// SPDX-License-Identifier: Apache-2.0
// Whole channels of zeros during training.

import GraphIR

package struct SpatialDropout2D: SpatialDropoutLayer {
  package static let name = "SpatialDropout2D"
  package static let summary =
    "Zeros whole channels of [N, height, width, channels] during training; nothing otherwise."
  package static let spatialRank = 2
  package var rate = 0.5
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
