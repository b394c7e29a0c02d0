// SPDX-License-Identifier: Apache-2.0
// Images changed during training: mixes several changes of each.

import GraphIR

package struct AugMix: AugmentationLayer {
  package static let name = "AugMix"
  package static let summary = "Images; training mixes several changes of each."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("num_chains", \.chainCount, "the number of chains of changes"),
      Attribute("chain_depth", \.chainDepth, "the number of changes in a chain"),
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("alpha", \.alpha, "the shape of the distribution of shares"),
      Attribute("all_ops", \.allOperations, "whether changes of colour are among them"),
      Attribute("interpolation", \.interpolation, "'nearest' or 'bilinear'"),
      Attribute("seed", \.seed, "the seed of the choice"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var valueRange: [Double] = [0, 255]
  package var chainCount = 3
  package var chainDepth: [Int] = [3]
  package var factor: [Double] = [0.3]
  package var alpha = 1.0
  package var allOperations = true
  package var interpolation = "bilinear"
  package var seed: Int?
  package var dataFormat = "channels_last"
  package init() {}
}
