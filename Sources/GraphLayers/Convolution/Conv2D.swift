// SPDX-License-Identifier: Apache-2.0
// Convolution over two axes.

package struct Conv2D: ConvolutionLayer {
  package static let name = "Conv2D"
  package static let summary = "activation(convolution of inputs [N, height, width, channels] with the kernel + bias)."
  package static let spatialRank = 2
  package var options = ConvolutionOptions()
  package init() {}
}
