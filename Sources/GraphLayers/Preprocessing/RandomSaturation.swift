// SPDX-License-Identifier: Apache-2.0
// Images changed during training: changes the saturation.

import GraphIR

package struct RandomSaturation: FactorAugmentationLayer {
  package static let name = "RandomSaturation"
  package static let summary = "Images; training changes the saturation."
  package var factor: [Double] = []
  package var valueRange: [Double] = [0, 255]
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
