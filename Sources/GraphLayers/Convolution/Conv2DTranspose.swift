// SPDX-License-Identifier: Apache-2.0
// Transposed convolution over two axes.

package struct Conv2DTranspose: TransposedConvolutionLayer {
  package static let name = "Conv2DTranspose"
  package static let summary =
    "activation(transposed convolution of inputs [N, height, width, channels] with the kernel + bias): larger outputs."
  package static let spatialRank = 2
  package var options = TransposedConvolutionOptions()
  package init() {}
}
