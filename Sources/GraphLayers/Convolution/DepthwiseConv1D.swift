// SPDX-License-Identifier: Apache-2.0
// Convolution of every channel by itself over one axis.

package struct DepthwiseConv1D: DepthwiseLayer {
  package static let name = "DepthwiseConv1D"
  package static let summary =
    "Each channel of [N, steps, channels] convolved with depth_multiplier kernels of its own."
  package static let spatialRank = 1
  package var options = DepthwiseOptions()
  package init() {}
}
