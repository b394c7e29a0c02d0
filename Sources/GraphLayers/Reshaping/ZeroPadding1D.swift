// SPDX-License-Identifier: Apache-2.0
// Zeros around [N, steps, channels].

import GraphIR

package struct ZeroPadding1D: BorderLayer {
  package static let name = "ZeroPadding1D"
  package static let summary = "Zeros before and after the steps of [N, steps, channels]."
  package static let spatialRank = 1
  package static let argument = "padding"
  package var border = [1]
  package var dataFormat = "channels_last"
  package init() {}
}
