// SPDX-License-Identifier: Apache-2.0
// Images changed during training: blurs them.

import GraphIR

package struct RandomGaussianBlur: AugmentationLayer {
  package static let name = "RandomGaussianBlur"
  package static let summary = "Images; training blurs them."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("kernel_size", \.kernelSize, "the sizes of the blur"),
      Attribute("sigma", \.sigma, "the width of the blur"),
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }
  package var factor: [Double] = [1]
  package var kernelSize: [Int] = [3]
  package var sigma: [Double] = [1]
  package var valueRange: [Double] = [0, 255]
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
