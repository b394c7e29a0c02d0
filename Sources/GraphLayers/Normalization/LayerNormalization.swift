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
      Attribute("beta_initializer", \.betaInitializer, "how beta starts"),
      Attribute("gamma_initializer", \.gammaInitializer, "how gamma starts"),
    ]
  }
  package var axis: [Int] = [-1]
  package var epsilon = 0.001
  package var center = true
  package var scale = true
  package var betaInitializer = "zeros"
  package var gammaInitializer = "ones"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard let x = inputs[0] else { throw TypeError("'\(Self.name)' needs an input") }
    let type = context.type(x)
    let axes = try normalized(axis, rank: type.rank, emptyMeansAll: false, for: Self.name)
    guard let first = axes.first else { throw TypeError("'\(Self.name)' needs at least one axis") }
    // The operator normalises trailing axes: others are moved to the end and back.
    let isTrailing = axes == Array(first..<type.rank)
    let order = Array(0..<type.rank).filter { !axes.contains($0) } + axes
    let moved = isTrailing ? x : try context.emit(Transpose(perm: order), x)
    let shape = axes.map { type.shape[$0] }
    let gamma =
      scale
      ? try context.parameter("gamma", shape, initializer: gammaInitializer, dtype: type.dtype)
      : try context.ones(shape, type.dtype)
    let beta = center ? try context.parameter("beta", shape, initializer: betaInitializer, dtype: type.dtype) : nil
    var norm = GraphOps.LayerNormalization()
    norm.axis = -axes.count
    norm.epsilon = epsilon
    var y = try context.emit(norm, moved, gamma, beta)
    if !isTrailing {
      var inverse = order
      for (place, axis) in order.enumerated() { inverse[axis] = place }
      y = try context.emit(Transpose(perm: inverse), y)
    }
    return [LayerOutput("output", y)]
  }
}

extension LayerContext {
  /// A constant of ones.
  mutating func ones(_ shape: [Dim], _ dtype: DType) throws(TypeError) -> ValueID {
    let sizes = shape.compactMap(\.value)
    let count = Tensor.count(of: sizes) ?? 0
    guard sizes.count == shape.count,
      let tensor = Tensor(dtype, sizes, doubles: [Double](repeating: 1, count: count))
    else { throw TypeError("the normalised axes must have known sizes") }
    return try builder.constant(tensor)
  }
}
