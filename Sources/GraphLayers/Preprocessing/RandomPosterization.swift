// SPDX-License-Identifier: Apache-2.0
// Images changed during training: takes values of pixels away.

import GraphIR

package struct RandomPosterization: AugmentationLayer {
  package static let name = "RandomPosterization"
  package static let summary = "Images; training takes values of pixels away."
  package static let required = ["factor"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }
  package var factor: [Double] = []
  package var valueRange: [Double] = [0, 255]
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
