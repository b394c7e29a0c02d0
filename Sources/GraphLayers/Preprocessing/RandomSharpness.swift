// SPDX-License-Identifier: Apache-2.0
// Images changed during training: changes the sharpness.

import GraphIR

package struct RandomSharpness: FactorAugmentationLayer {
  package static let name = "RandomSharpness"
  package static let summary = "Images; training changes the sharpness."
  package var factor: [Double] = []
  package var valueRange: [Double] = [0, 255]
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
