// SPDX-License-Identifier: Apache-2.0
// A long short-term memory over steps that are volumes.

package struct ConvLSTM3D: ConvLSTMLayer {
  package static let name = "ConvLSTM3D"
  package static let summary = "LSTM over steps that are volumes, whose gates are convolutions."
  package static let spatialRank = 3
  package var options = RecurrentOptions()
  package var convolution = ConvolutionOptions()
  package var unitForgetBias = true
  package init() {}
}
