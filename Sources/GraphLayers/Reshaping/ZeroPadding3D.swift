// SPDX-License-Identifier: Apache-2.0
// Zeros around [N, depth, height, width, channels].

import GraphIR

package struct ZeroPadding3D: BorderLayer {
  package static let name = "ZeroPadding3D"
  package static let summary = "Zeros before and after the spatial axes of [N, depth, height, width, channels]."
  package static let spatialRank = 3
  package static let argument = "padding"
  package var border = [1]
  package var dataFormat = "channels_last"
  package init() {}
}
