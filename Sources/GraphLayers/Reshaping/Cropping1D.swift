// SPDX-License-Identifier: Apache-2.0
// What is left of [N, steps, channels] when its borders are cut.

import GraphIR

package struct Cropping1D: BorderLayer {
  package static let name = "Cropping1D"
  package static let summary = "[N, steps, channels] without steps at the start and end of it."
  package static let spatialRank = 1
  package static let argument = "cropping"
  package static var arguments: [Attribute<Self>] { [countArgument] }
  package var border = [1]
  package var dataFormat = "channels_last"
  package init() {}
}
