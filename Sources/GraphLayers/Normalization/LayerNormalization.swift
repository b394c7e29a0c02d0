// SPDX-License-Identifier: Apache-2.0
// Normalisation of each sample over its features.

import GraphIR
import GraphOps
import TensorCore

package struct LayerNormalization: Layer {
  package static let name = "LayerNormalization"
  package static let summary = "(x − mean) / √(variance + epsilon) over axes of each sample, times gamma plus beta."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axes that are normalised together"),
      Attribute("epsilon", \.epsilon, "added to the variance"),
      Attribute("center", \.center, "whether beta is added"),
      Attribute("scale", \.scale, "whether gamma is multiplied"),
    ] + weight("beta", \.beta) + weight("gamma", \.gamma)
  }
  package static let keepsMask = true
  package var axis: [Int] = [-1]
  package var epsilon = 0.001
  package var center = true
  package var scale = true
  package var beta = WeightOptions("zeros")
  package var gamma = WeightOptions("ones")
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let type = context.type(x)
    let axes = try normalized(axis, rank: type.rank, emptyMeansAll: false, for: Self.name)
    guard !axes.isEmpty else { throw TypeError("'\(Self.name)' needs at least one axis") }
    let shape = axes.map { type.shape[$0] }
    let gamma =
      scale ? try context.parameter("gamma", shape, gamma, dtype: type.dtype) : try context.ones(shape, type.dtype)
    let beta = center ? try context.parameter("beta", shape, beta, dtype: type.dtype) : nil
    var norm = GraphOps.LayerNormalization()
    norm.axis = -axes.count
    norm.epsilon = epsilon
    let built = norm
    return result(
      try context.withTrailing(axes, of: x) { (context, x) throws(TypeError) in try context.emit(built, x, gamma, beta)
      })
  }
}
