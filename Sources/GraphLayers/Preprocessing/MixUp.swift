// SPDX-License-Identifier: Apache-2.0
// Images changed during training: mixes pairs of them.

import GraphIR

package struct MixUp: AugmentationLayer {
  package static let name = "MixUp"
  package static let summary = "Images; training mixes pairs of them."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("alpha", \.alpha, "the shape of the distribution of shares"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }
  package var alpha = 0.2
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
