// SPDX-License-Identifier: Apache-2.0
// Images changed during training: moves them.

import GraphIR

package struct RandomTranslation: AugmentationLayer {
  package static let name = "RandomTranslation"
  package static let summary = "Images; training moves them."
  package static let required = ["height_factor", "width_factor"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("height_factor", \.heightFactor, "the range of the vertical change, as a share of the height"),
      Attribute("width_factor", \.widthFactor, "the range of the horizontal change, as a share of the width"),
      Attribute("fill_mode", \.fillMode, "what is outside: 'reflect', 'constant', 'wrap' or 'nearest'"),
      Attribute("interpolation", \.interpolation, "'nearest' or 'bilinear'"),
      Attribute("seed", \.seed, "the seed of the choice"),
      Attribute("fill_value", \.fillValue, "the value outside, for fill_mode constant"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var heightFactor: [Double] = []
  package var widthFactor: [Double] = []
  package var fillMode = "reflect"
  package var interpolation = "bilinear"
  package var seed: Int?
  package var fillValue: Double? = 0
  package var dataFormat = "channels_last"
  package init() {}
}
