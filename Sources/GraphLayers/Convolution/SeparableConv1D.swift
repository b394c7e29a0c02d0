// SPDX-License-Identifier: Apache-2.0
// Convolution over one axis in two cheaper steps.

package struct SeparableConv1D: SeparableLayer {
  package static let name = "SeparableConv1D"
  package static let summary =
    "Each channel of [N, steps, channels] convolved by itself, then all channels combined at each place."
  package static let spatialRank = 1
  package var options = SeparableOptions()
  package init() {}
}
