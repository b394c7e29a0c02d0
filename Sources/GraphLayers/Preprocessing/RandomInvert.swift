// SPDX-License-Identifier: Apache-2.0
// Images changed during training: inverts some.

import GraphIR

package struct RandomInvert: AugmentationLayer {
  package static let name = "RandomInvert"
  package static let summary = "Images; training inverts some."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("seed", \.seed, "the seed of the choice"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var factor: [Double] = [1]
  package var valueRange: [Double] = [0, 255]
  package var seed: Int?
  package var dataFormat = "channels_last"
  package init() {}
}
