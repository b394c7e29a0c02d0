// SPDX-License-Identifier: Apache-2.0
// Images changed during training: takes values of pixels away.

import GraphIR

package struct RandomPosterization: FactorAugmentationLayer {
  package static let name = "RandomPosterization"
  package static let summary = "Images; training takes values of pixels away."
  package var factor: [Double] = []
  package var valueRange: [Double] = [0, 255]
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
