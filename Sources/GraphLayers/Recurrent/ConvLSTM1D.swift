// SPDX-License-Identifier: Apache-2.0
// A long short-term memory over steps that are sequences.

package struct ConvLSTM1D: ConvLSTMLayer {
  package static let name = "ConvLSTM1D"
  package static let summary = "LSTM over steps that are sequences, whose gates are convolutions."
  package static let spatialRank = 1
  package var options = RecurrentOptions()
  package var convolution = ConvolutionOptions()
  package var unitForgetBias = true
  package init() {}
}
