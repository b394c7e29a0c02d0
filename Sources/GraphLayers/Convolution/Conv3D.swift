// SPDX-License-Identifier: Apache-2.0
// Convolution over three axes.

package struct Conv3D: ConvolutionLayer {
  package static let name = "Conv3D"
  package static let summary =
    "activation(convolution of inputs [N, depth, height, width, channels] with the kernel + bias)."
  package static let spatialRank = 3
  package var options = ConvolutionOptions()
  package init() {}
}
