// SPDX-License-Identifier: Apache-2.0
// Images changed during training: spreads the values of pixels evenly.

import GraphIR

package struct Equalization: AugmentationLayer {
  package static let name = "Equalization"
  package static let summary = "Images; training spreads the values of pixels evenly."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("bins", \.bins, "the number of values told apart"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var valueRange: [Double] = [0, 255]
  package var bins = 256
  package var dataFormat = "channels_last"
  package init() {}
}
