// SPDX-License-Identifier: Apache-2.0
// What is left of [N, height, width, channels] when its borders are cut.

import GraphIR

package struct Cropping2D: BorderLayer {
  package static let name = "Cropping2D"
  package static let summary = "[N, height, width, channels] without places at the start and end of its spatial axes."
  package static let spatialRank = 2
  package static let argument = "cropping"
  package var border = [0, 0]
  package var dataFormat = "channels_last"
  package init() {}
}
