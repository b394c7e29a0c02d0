// SPDX-License-Identifier: Apache-2.0
// Whole channels of zeros during training.

import GraphIR

package struct SpatialDropout1D: SpatialDropoutLayer {
  package static let name = "SpatialDropout1D"
  package static let summary = "Zeros whole channels of [N, steps, channels] during training; nothing otherwise."
  package static let spatialRank = 1
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("rate", \.rate, "the fraction of channels, from 0 to 1"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }
  package var rate = 0.5
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
