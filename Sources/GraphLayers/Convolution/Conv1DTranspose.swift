// SPDX-License-Identifier: Apache-2.0
// Transposed convolution over one axis.

package struct Conv1DTranspose: TransposedConvolutionLayer {
  package static let name = "Conv1DTranspose"
  package static let summary =
    "activation(transposed convolution of inputs [N, steps, channels] with the kernel + bias): larger outputs."
  package static let spatialRank = 1
  package var options = TransposedConvolutionOptions()
  package init() {}
}
