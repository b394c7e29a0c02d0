// SPDX-License-Identifier: Apache-2.0
// A step of Adagrad.

import GraphIR
import TensorCore

package struct Adagrad: OptimizerStep {
  package static let name = "Adagrad"
  package static let summary =
    "H' = H + g², X' = X - R / (1 + T · decay_factor) · g / (√H' + epsilon), with g = G + norm_coefficient · X."
  package static let states = ["H"]
  package static var attributes: [Attribute<Self>] {
    stepAttributes() + [
      Attribute("decay_factor", \.decayFactor, "how the rate falls with the step"),
      Attribute("epsilon", \.epsilon, "added to the root of H"),
    ]
  }
  package var tensorCount = 1
  package var normCoefficient = 0.0
  package var decayFactor = 0.0
  package var epsilon = 0.0
  package init() {}

  package func step(_ r: Double, _ t: Double, _ x: Double, _ g: Double, _ states: [Double]) -> [Double] {
    let h = states[0] + g * g
    return [x - r / (1 + t * decayFactor) * g / (h.squareRoot() + epsilon), h]
  }

  package func emit(
    _ r: ValueID, _ t: ValueID, _ x: ValueID, _ g: ValueID, _ states: [ValueID], _ builder: inout GraphBuilder
  ) throws(TypeError) -> [ValueID] {
    let rate = try builder.div(r, try builder.plus(try builder.scaled(t, by: decayFactor), 1))
    let h = try builder.add(states[0], try builder.mul(g, g))
    let root = try builder.plus(try builder.emit(Sqrt(), h), epsilon)
    return [try builder.sub(x, try builder.div(try builder.mul(rate, g), root)), h]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Adagrad()
    operation.decayFactor = 0.1
    operation.epsilon = 1e-3
    return sampleStep(operation, &random)
  }
}
