// SPDX-License-Identifier: Apache-2.0
// Images changed during training: changes the hue.

import GraphIR

package struct RandomHue: FactorAugmentationLayer {
  package static let name = "RandomHue"
  package static let summary = "Images; training changes the hue."
  package var factor: [Double] = []
  package var valueRange: [Double] = [0, 255]
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
