// SPDX-License-Identifier: Apache-2.0
// Dropout that keeps mean and variance, for selu.

import GraphIR
import TensorCore

package struct AlphaDropout: TrainingOnlyLayer {
  package static let name = "AlphaDropout"
  package static let summary = "Dropout that keeps the mean and variance during training; nothing otherwise."
  package static let required = ["rate"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("rate", \.rate, "the fraction of elements, from 0 to 1"),
      Attribute("noise_shape", \.noiseShape, "sizes of the mask, 1 where it is shared"),
      Attribute("seed", \.seed, "the seed of the mask"),
    ]
  }
  package var rate = 0.5
  package var noiseShape: [Dim]?
  package var seed: Int?
  package init() {}

  package func check(_ input: TensorType) throws(TypeError) {
    try checkRate(rate)
  }
}
