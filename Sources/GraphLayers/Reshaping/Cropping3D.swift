// SPDX-License-Identifier: Apache-2.0
// What is left of [N, depth, height, width, channels] when its borders are cut.

import GraphIR

package struct Cropping3D: BorderLayer {
  package static let name = "Cropping3D"
  package static let summary =
    "[N, depth, height, width, channels] without places at the start and end of its spatial axes."
  package static let spatialRank = 3
  package static let argument = "cropping"
  package var border = [1]
  package var dataFormat = "channels_last"
  package init() {}
}
