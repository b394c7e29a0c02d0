// SPDX-License-Identifier: Apache-2.0
// Images changed during training: fades the colours.

import GraphIR

package struct RandomColorDegeneration: FactorAugmentationLayer {
  package static let name = "RandomColorDegeneration"
  package static let summary = "Images; training fades the colours."
  package var factor: [Double] = []
  package var valueRange: [Double] = [0, 255]
  package var dataFormat = "channels_last"
  package var seed: Int?
  package init() {}
}
