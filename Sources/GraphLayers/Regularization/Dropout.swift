// SPDX-License-Identifier: Apache-2.0
// Random zeros during training.

import GraphIR
import TensorCore

package struct Dropout: TrainingOnlyLayer {
  package static let name = "Dropout"
  package static let summary =
    "Zeros a fraction of the elements during training and scales the rest; nothing otherwise."
  package static let required = ["rate"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("rate", \.rate, "the fraction of zeros, from 0 to 1"),
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
    if let noiseShape, noiseShape.count != input.rank {
      throw TypeError("'noise_shape' of 'Dropout' has \(noiseShape.count) sizes for the input \(input)")
    }
  }
}
