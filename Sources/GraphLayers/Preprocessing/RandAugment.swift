// SPDX-License-Identifier: Apache-2.0
// Images changed during training: makes several random changes.

import GraphIR

package struct RandAugment: AugmentationLayer {
  package static let name = "RandAugment"
  package static let summary = "Images; training makes several random changes."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("num_ops", \.operationCount, "the number of changes"),
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("interpolation", \.interpolation, "'nearest' or 'bilinear'"),
      Attribute("seed", \.seed, "the seed of the choice"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var valueRange: [Double] = [0, 255]
  package var operationCount = 2
  package var factor: [Double] = [0.5]
  package var interpolation = "bilinear"
  package var seed: Int?
  package var dataFormat = "channels_last"
  package init() {}
}
