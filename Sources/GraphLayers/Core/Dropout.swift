// SPDX-License-Identifier: Apache-2.0
// Random zeros during training.

import GraphIR
import TensorCore

package struct Dropout: Layer {
  package static let name = "Dropout"
  package static let summary = "Zeros a fraction of the elements during training and scales the rest; nothing otherwise."
  package static let required = ["rate"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("rate", \.rate, "the fraction of zeros, from 0 up to but not including 1"),
      Attribute("noise_shape", \.noiseShape, "sizes of the mask, 1 where it is shared"),
      Attribute("seed", \.seed, "the seed of the mask"),
    ]
  }
  package var rate = 0.5
  package var noiseShape: [Int]?
  package var seed: Int?
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard let x = inputs[0] else { throw TypeError("'Dropout' needs an input") }
    guard rate >= 0, rate < 1 else { throw TypeError("'rate' of 'Dropout' must be in 0..<1, found \(rate)") }
    return [LayerOutput("output", x)]
  }
}
