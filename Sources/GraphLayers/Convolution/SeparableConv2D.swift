// SPDX-License-Identifier: Apache-2.0
// Convolution over two axes in two cheaper steps.

package struct SeparableConv2D: SeparableLayer {
  package static let name = "SeparableConv2D"
  package static let summary =
    "Each channel of [N, height, width, channels] convolved by itself, then all channels combined at each place."
  package static let spatialRank = 2
  package var options = SeparableOptions()
  package init() {}
}
