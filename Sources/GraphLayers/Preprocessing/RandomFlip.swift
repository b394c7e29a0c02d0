// SPDX-License-Identifier: Apache-2.0
// Images changed during training: mirrors them.

import GraphIR

package struct RandomFlip: AugmentationLayer {
  package static let name = "RandomFlip"
  package static let summary = "Images; training mirrors them."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("mode", \.mode, "'horizontal', 'vertical' or 'horizontal_and_vertical'"),
      Attribute("seed", \.seed, "the seed of the choice"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var mode = "horizontal_and_vertical"
  package var seed: Int?
  package var dataFormat = "channels_last"
  package init() {}
}
