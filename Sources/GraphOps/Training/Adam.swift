// SPDX-License-Identifier: Apache-2.0
// A step of Adam.

import GraphIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Adam: OptimizerStep {
  package static let name = "Adam"
  package static let summary =
    "V' = alpha·V + (1 - alpha)·g, H' = beta·H + (1 - beta)·g², X' = X - R'·V' / (√H' + epsilon), R' corrected by T."
  package static let states = ["V", "H"]
  package static var attributes: [Attribute<Self>] {
    stepAttributes() + [
      Attribute("alpha", \.alpha, "how slowly the mean gradient changes"),
      Attribute("beta", \.beta, "how slowly the mean square changes"),
      Attribute("epsilon", \.epsilon, "added to the root of H"),
      Attribute("norm_coefficient_post", \.normCoefficientPost, "the part of the new X that is taken off"),
    ]
  }
  package var tensorCount = 1
  package var normCoefficient = 0.0
  package var alpha = 0.9
  package var beta = 0.999
  package var epsilon = 0.0
  package var normCoefficientPost = 0.0
  package init() {}

  package func step(_ r: Double, _ t: Double, _ x: Double, _ g: Double, _ states: [Double]) -> [Double] {
    let v = alpha * states[0] + (1 - alpha) * g
    let h = beta * states[1] + (1 - beta) * g * g
    let rate = t > 0 ? r * (1 - pow(beta, t)).squareRoot() / (1 - pow(alpha, t)) : r
    return [(1 - normCoefficientPost) * (x - rate * v / (h.squareRoot() + epsilon)), v, h]
  }

  package func emit(
    _ r: ValueID, _ t: ValueID, _ x: ValueID, _ g: ValueID, _ states: [ValueID], _ builder: inout GraphBuilder
  ) throws(TypeError) -> [ValueID] {
    let v = try builder.add(try builder.scaled(states[0], by: alpha), try builder.scaled(g, by: 1 - alpha))
    let square = try builder.scaled(try builder.mul(g, g), by: 1 - beta)
    let h = try builder.add(try builder.scaled(states[1], by: beta), square)
    // At step 0 there is no correction, and none that divides by zero either.
    let count = try builder.emit(Max(), t, try builder.scalar(1, like: t))
    func rest(_ base: Double) throws(TypeError) -> ValueID {
      try builder.minus(1, try builder.emit(Pow(), try builder.scalar(base, like: t), count))
    }
    let correction = try builder.div(try builder.emit(Sqrt(), try rest(beta)), try rest(alpha))
    let isLater = try builder.emit(Greater(), t, try builder.scalar(0, like: t))
    let rate = try builder.emit(Where(), isLater, try builder.mul(r, correction), r)
    let root = try builder.plus(try builder.emit(Sqrt(), h), epsilon)
    let moved = try builder.sub(x, try builder.div(try builder.mul(rate, v), root))
    return [try builder.scaled(moved, by: 1 - normCoefficientPost), v, h]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Adam()
    operation.beta = 0.9
    operation.epsilon = 1e-3
    operation.normCoefficientPost = random.pick([0, 0.1])
    return sampleStep(operation, &random)
  }
}
