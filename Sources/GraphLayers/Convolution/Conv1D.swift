// SPDX-License-Identifier: Apache-2.0
// Convolution over one axis.

import GraphIR
import TensorCore

package struct Conv1D: ConvolutionLayer {
  package static let name = "Conv1D"
  package static let summary = "activation(convolution of inputs [N, steps, channels] with the kernel + bias)."
  package static let spatialRank = 1
  package var filters = 0
  package var kernelSize: [Int] = []
  package var strides: [Int] = [1]
  package var padding = "valid"
  package var dataFormat = "channels_last"
  package var dilationRate: [Int] = [1]
  package var groups = 1
  package var activation: String?
  package var useBias = true
  package var kernelInitializer = "glorot_uniform"
  package var biasInitializer = "zeros"
  package init() {}
}
