// SPDX-License-Identifier: Apache-2.0
// Images changed during training: bends them.

import GraphIR

package struct RandomElasticTransform: AugmentationLayer {
  package static let name = "RandomElasticTransform"
  package static let summary = "Images; training bends them."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("scale", \.scale, "how strong the change is"),
      Attribute("interpolation", \.interpolation, "'nearest' or 'bilinear'"),
      Attribute("fill_mode", \.fillMode, "what is outside: 'reflect', 'constant', 'wrap' or 'nearest'"),
      Attribute("fill_value", \.fillValue, "the value outside, for fill_mode constant"),
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("seed", \.seed, "the seed of the choice"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var factor: [Double] = [1]
  package var scale: [Double] = [1]
  package var interpolation = "bilinear"
  package var fillMode = "reflect"
  package var fillValue: Double? = 0
  package var valueRange: [Double] = [0, 255]
  package var seed: Int?
  package var dataFormat = "channels_last"
  package init() {}
}
