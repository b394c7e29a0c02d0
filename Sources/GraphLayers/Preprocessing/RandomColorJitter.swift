// SPDX-License-Identifier: Apache-2.0
// Images changed during training: changes the colours.

import GraphIR

package struct RandomColorJitter: AugmentationLayer {
  package static let name = "RandomColorJitter"
  package static let summary = "Images; training changes the colours."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("brightness_factor", \.brightnessFactor, "the range of the brightness"),
      Attribute("contrast_factor", \.contrastFactor, "the range of the contrast"),
      Attribute("saturation_factor", \.saturationFactor, "the range of the saturation"),
      Attribute("hue_factor", \.hueFactor, "the range of the hue"),
      Attribute("seed", \.seed, "the seed of the choice"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var valueRange: [Double] = [0, 255]
  package var brightnessFactor: [Double]?
  package var contrastFactor: [Double]?
  package var saturationFactor: [Double]?
  package var hueFactor: [Double]?
  package var seed: Int?
  package var dataFormat = "channels_last"
  package init() {}
}
