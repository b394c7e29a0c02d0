// SPDX-License-Identifier: Apache-2.0
// Images cut at random places during training.

import GraphIR

package struct RandomCrop: AugmentationLayer {
  package static let name = "RandomCrop"
  package static let summary = "Images; training cuts height × width out at random places."
  package static let required = ["height", "width"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("height", \.height, "the height that is cut out"),
      Attribute("width", \.width, "the width that is cut out"),
      Attribute("seed", \.seed, "the seed of the choice"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var height = 0
  package var width = 0
  package var seed: Int?
  package var dataFormat = "channels_last"
  package init() {}
}
