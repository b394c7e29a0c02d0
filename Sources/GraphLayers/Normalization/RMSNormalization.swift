// SPDX-License-Identifier: Apache-2.0
// Division of each sample by the root mean square of its features.

import GraphIR
import GraphOps
import TensorCore

package struct RMSNormalization: Layer {
  package static let name = "RMSNormalization"
  package static let summary = "x / √(mean of x² + epsilon) over axes of each sample, times scale."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axes that are normalised together"),
      Attribute("epsilon", \.epsilon, "added to the mean square"),
    ]
  }
  package static let keepsMask = true
  package var axis: [Int] = [-1]
  package var epsilon = 1e-6
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let type = context.type(x)
    let axes = try normalized(axis, rank: type.rank, emptyMeansAll: false, for: Self.name)
    guard !axes.isEmpty else { throw TypeError("'\(Self.name)' needs at least one axis") }
    let scale = try context.parameter("scale", axes.map { type.shape[$0] }, WeightOptions("ones"), dtype: type.dtype)
    var norm = GraphOps.RMSNormalization()
    norm.axis = -axes.count
    norm.epsilon = epsilon
    let built = norm
    return result(
      try context.withTrailing(axes, of: x) { (context, x) throws(TypeError) in try context.emit(built, x, scale) })
  }
}
