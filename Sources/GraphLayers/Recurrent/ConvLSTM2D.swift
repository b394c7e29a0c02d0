// SPDX-License-Identifier: Apache-2.0
// A long short-term memory over steps that are images.

package struct ConvLSTM2D: ConvLSTMLayer {
  package static let name = "ConvLSTM2D"
  package static let summary = "LSTM over steps that are images, whose gates are convolutions."
  package static let spatialRank = 2
  package var options = RecurrentOptions()
  package var convolution = ConvolutionOptions()
  package var unitForgetBias = true
  package init() {}
}
