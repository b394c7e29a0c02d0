// SPDX-License-Identifier: Apache-2.0
// Whole channels of zeros during training.

import GraphIR

package struct SpatialDropout3D: SpatialDropoutLayer {
  package static let name = "SpatialDropout3D"
  package static let summary =
    "Zeros whole channels of [N, depth, height, width, channels] during training; nothing otherwise."
  package static let spatialRank = 3
  package var rate = 0.5
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
