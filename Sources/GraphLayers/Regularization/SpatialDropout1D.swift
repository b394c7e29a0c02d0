// SPDX-License-Identifier: Apache-2.0
// Whole channels of zeros during training.

import GraphIR
import TensorCore

package struct SpatialDropout1D: TrainingOnlyLayer {
  package static let name = "SpatialDropout1D"
  package static let summary = "Zeros whole channels of [N, steps, channels] during training; nothing otherwise."
  package static let required = ["rate"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("rate", \.rate, "the fraction of channels, from 0 to 1"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }
  package var rate = 0.5
  package var seed: Int?
  package init() {}

  package func check(_ input: TensorType) throws(TypeError) {
    try checkRate(rate)
    _ = try SpatialLayout(Self.name, rank: 1, input, "channels_last")
  }
}
