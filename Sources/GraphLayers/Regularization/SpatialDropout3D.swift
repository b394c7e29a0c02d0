// SPDX-License-Identifier: Apache-2.0
// Whole channels of zeros during training.

import GraphIR
import TensorCore

package struct SpatialDropout3D: TrainingOnlyLayer {
  package static let name = "SpatialDropout3D"
  package static let summary =
    "Zeros whole channels of [N, depth, height, width, channels] during training; nothing otherwise."
  package static let required = ["rate"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("rate", \.rate, "the fraction of channels, from 0 to 1"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }
  package var rate = 0.5
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}

  package func check(_ input: TensorType) throws(TypeError) {
    try checkRate(rate)
    _ = try SpatialLayout(Self.name, rank: 3, input, dataFormat)
  }
}
