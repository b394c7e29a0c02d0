// SPDX-License-Identifier: Apache-2.0
// Images changed during training: inverts bright pixels.

import GraphIR

package struct Solarization: AugmentationLayer {
  package static let name = "Solarization"
  package static let summary = "Images; training inverts bright pixels."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("addition_factor", \.additionFactor, "the range of what is added"),
      Attribute("threshold_factor", \.thresholdFactor, "the range above which pixels are inverted"),
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }
  package var additionFactor: [Double] = [0]
  package var thresholdFactor: [Double] = [0]
  package var valueRange: [Double] = [0, 255]
  package var seed: Int?
  package init() {}
}
