// SPDX-License-Identifier: Apache-2.0
// Convolution of every channel by itself over two axes.

package struct DepthwiseConv2D: DepthwiseLayer {
  package static let name = "DepthwiseConv2D"
  package static let summary =
    "Each channel of [N, height, width, channels] convolved with depth_multiplier kernels of its own."
  package static let spatialRank = 2
  package var options = DepthwiseOptions()
  package init() {}
}
