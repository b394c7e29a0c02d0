// SPDX-License-Identifier: Apache-2.0
// Images changed during training: turns them by up to factor · 2π.

import GraphIR

package struct RandomRotation: AugmentationLayer {
  package static let name = "RandomRotation"
  package static let summary = "Images; training turns them by up to factor · 2π."
  package static let required = ["factor"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("fill_mode", \.fillMode, "what is outside: 'reflect', 'constant', 'wrap' or 'nearest'"),
      Attribute("interpolation", \.interpolation, "'nearest' or 'bilinear'"),
      Attribute("seed", \.seed, "the seed of the choice"),
      Attribute("fill_value", \.fillValue, "the value outside, for fill_mode constant"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var factor: [Double] = []
  package var fillMode = "reflect"
  package var interpolation = "bilinear"
  package var seed: Int?
  package var fillValue: Double? = 0
  package var dataFormat = "channels_last"
  package init() {}
}
