// SPDX-License-Identifier: Apache-2.0
// Random numbers added during training.

import GraphIR
import TensorCore

package struct GaussianNoise: TrainingOnlyLayer {
  package static let name = "GaussianNoise"
  package static let summary = "Adds normal random numbers during training; nothing otherwise."
  package static let required = ["stddev"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("stddev", \.deviation, "their standard deviation"),
      Attribute("seed", \.seed, "the seed of the numbers"),
    ]
  }
  package var deviation = 0.0
  package var seed: Int?
  package init() {}

  package func check(_ input: TensorType) throws(TypeError) {
    guard deviation >= 0 else {
      throw TypeError("'stddev' of 'GaussianNoise' must not be negative, found \(deviation)")
    }
  }
}
