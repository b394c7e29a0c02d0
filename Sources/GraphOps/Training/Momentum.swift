// SPDX-License-Identifier: Apache-2.0
// A step of gradient descent with momentum.

import GraphIR
import TensorCore

package struct Momentum: OptimizerStep {
  package static let name = "Momentum"
  package static let summary =
    "V' = alpha·V + beta·g (beta 1 at step 0), X' = X - R·V', or with 'nesterov' X - R·(g + alpha·V')."
  package static let states = ["V"]
  package static var attributes: [Attribute<Self>] {
    stepAttributes() + [
      Attribute("alpha", \.alpha, "how slowly the velocity changes"),
      Attribute("beta", \.beta, "the part of the gradient that is added to it"),
      Attribute("mode", \.mode, "'standard' or 'nesterov'"),
    ]
  }
  package var tensorCount = 1
  package var normCoefficient = 0.0
  package var alpha = 0.9
  package var beta = 1.0
  package var mode = "standard"
  package init() {}

  package func step(_ r: Double, _ t: Double, _ x: Double, _ g: Double, _ states: [Double]) -> [Double] {
    let v = alpha * states[0] + (t > 0 ? beta : 1) * g
    return [x - r * (mode == "nesterov" ? g + alpha * v : v), v]
  }

  package func emit(
    _ r: ValueID, _ t: ValueID, _ x: ValueID, _ g: ValueID, _ states: [ValueID], _ builder: inout GraphBuilder
  ) throws(TypeError) -> [ValueID] {
    guard mode == "standard" || mode == "nesterov" else {
      throw TypeError("'mode' of 'Momentum' is '\(mode)'", note: "it is 'standard' or 'nesterov'")
    }
    let isLater = try builder.emit(Greater(), t, try builder.scalar(0, like: t))
    let part = try builder.emit(Where(), isLater, try builder.scalar(beta, like: g), try builder.scalar(1, like: g))
    let v = try builder.add(try builder.scaled(states[0], by: alpha), try builder.mul(part, g))
    let direction = mode == "nesterov" ? try builder.add(g, try builder.scaled(v, by: alpha)) : v
    return [try builder.sub(x, try builder.mul(r, direction)), v]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Momentum()
    operation.beta = 0.8
    operation.mode = random.pick(["standard", "nesterov"])
    return sampleStep(operation, &random)
  }
}
