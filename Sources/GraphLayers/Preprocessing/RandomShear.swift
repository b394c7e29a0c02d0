// SPDX-License-Identifier: Apache-2.0
// Images changed during training: shears them.

import GraphIR

package struct RandomShear: AugmentationLayer {
  package static let name = "RandomShear"
  package static let summary = "Images; training shears them."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("x_factor", \.xFactor, "the range of the horizontal shear"),
      Attribute("y_factor", \.yFactor, "the range of the vertical shear"),
      Attribute("interpolation", \.interpolation, "'nearest' or 'bilinear'"),
      Attribute("fill_mode", \.fillMode, "what is outside: 'reflect', 'constant', 'wrap' or 'nearest'"),
      Attribute("fill_value", \.fillValue, "the value outside, for fill_mode constant"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }
  package var xFactor: [Double] = [0]
  package var yFactor: [Double] = [0]
  package var interpolation = "bilinear"
  package var fillMode = "reflect"
  package var fillValue: Double? = 0
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
