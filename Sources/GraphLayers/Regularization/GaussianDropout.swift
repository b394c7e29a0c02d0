// SPDX-License-Identifier: Apache-2.0
// Random factors around 1 during training.

import GraphIR
import TensorCore

package struct GaussianDropout: TrainingOnlyLayer {
  package static let name = "GaussianDropout"
  package static let summary = "Multiplies by random numbers around 1 during training; nothing otherwise."
  package static let required = ["rate"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("rate", \.rate, "the variance is rate / (1 − rate)"),
      Attribute("seed", \.seed, "the seed of the numbers"),
    ]
  }
  package var rate = 0.5
  package var seed: Int?
  package init() {}

  package func check(_ input: TensorType) throws(TypeError) {
    try checkRate(rate)
  }
}
