// SPDX-License-Identifier: Apache-2.0
// Images changed during training: changes the brightness.

import GraphIR

package struct RandomBrightness: AugmentationLayer {
  package static let name = "RandomBrightness"
  package static let summary = "Images; training changes the brightness."
  package static let required = ["factor"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }
  package var factor: [Double] = []
  package var valueRange: [Double] = [0, 255]
  package var seed: Int?
  package init() {}
}
