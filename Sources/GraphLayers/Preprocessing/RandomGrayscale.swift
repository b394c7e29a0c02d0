// SPDX-License-Identifier: Apache-2.0
// Images changed during training: takes the colour of some.

import GraphIR

package struct RandomGrayscale: AugmentationLayer {
  package static let name = "RandomGrayscale"
  package static let summary = "Images; training takes the colour of some."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }
  package var factor: [Double] = [0.5]
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
