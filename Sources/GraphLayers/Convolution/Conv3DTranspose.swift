// SPDX-License-Identifier: Apache-2.0
// Transposed convolution over three axes.

package struct Conv3DTranspose: TransposedConvolutionLayer {
  package static let name = "Conv3DTranspose"
  package static let summary =
    "activation(transposed convolution of inputs [N, depth, height, width, channels] with the kernel + bias): "
    + "larger outputs."
  package static let spatialRank = 3
  package var options = TransposedConvolutionOptions()
  package init() {}
}
