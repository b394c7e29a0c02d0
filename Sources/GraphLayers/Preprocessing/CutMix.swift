// SPDX-License-Identifier: Apache-2.0
// Images changed during training: puts parts of others into them.

import GraphIR

package struct CutMix: AugmentationLayer {
  package static let name = "CutMix"
  package static let summary = "Images; training puts parts of others into them."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("seed", \.seed, "the seed of the choice"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var factor: [Double] = [1]
  package var seed: Int?
  package var dataFormat = "channels_last"
  package init() {}
}
