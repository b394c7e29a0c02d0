// SPDX-License-Identifier: Apache-2.0
// Zeros around [N, height, width, channels].

import GraphIR

package struct ZeroPadding2D: BorderLayer {
  package static let name = "ZeroPadding2D"
  package static let summary = "Zeros before and after the spatial axes of [N, height, width, channels]."
  package static let spatialRank = 2
  package static let argument = "padding"
  package var border = [1]
  package var dataFormat = "channels_last"
  package init() {}
}
