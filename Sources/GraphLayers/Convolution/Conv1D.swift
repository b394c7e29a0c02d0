// SPDX-License-Identifier: Apache-2.0
// Convolution over one axis.

package struct Conv1D: ConvolutionLayer {
  package static let name = "Conv1D"
  package static let summary = "activation(convolution of inputs [N, steps, channels] with the kernel + bias)."
  package static let spatialRank = 1
  package var options = ConvolutionOptions()
  package init() {}
}
