// SPDX-License-Identifier: Apache-2.0
// Images changed during training: erases rectangles.

import GraphIR

package struct RandomErasing: AugmentationLayer {
  package static let name = "RandomErasing"
  package static let summary = "Images; training erases rectangles."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("scale", \.scale, "how strong the change is"),
      Attribute("fill_value", \.fillValue, "the value outside, for fill_mode constant"),
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("seed", \.seed, "the seed of the choice"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var factor: [Double] = [1]
  package var scale: [Double] = [0.02, 0.33]
  package var fillValue: Double?
  package var valueRange: [Double] = [0, 255]
  package var seed: Int?
  package var dataFormat = "channels_last"
  package init() {}
}
