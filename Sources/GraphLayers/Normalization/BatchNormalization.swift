// SPDX-License-Identifier: Apache-2.0
// Normalisation of each channel over the batch, by running statistics once trained.

import GraphIR
import GraphOps
import TensorCore

package struct BatchNormalization: Layer {
  package static let name = "BatchNormalization"
  package static let summary =
    "gamma · (x − mean) / √(variance + epsilon) + beta with the running statistics of an axis."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis of features"),
      Attribute("momentum", \.momentum, "the share of the old running statistics that training keeps"),
      Attribute("epsilon", \.epsilon, "added to the variance"),
      Attribute("center", \.center, "whether beta is added"),
      Attribute("scale", \.scale, "whether gamma is multiplied"),
    ] + weight("beta", \.beta) + weight("gamma", \.gamma) + [
      Attribute("moving_mean_initializer", \.mean.initializer, "how the running mean starts"),
      Attribute("moving_variance_initializer", \.variance.initializer, "how the running variance starts"),
    ]
  }
  package static let keepsMask = true
  package var axis = -1
  package var momentum = 0.99
  package var epsilon = 0.001
  package var center = true
  package var scale = true
  package var beta = WeightOptions("zeros")
  package var gamma = WeightOptions("ones")
  package var mean = WeightOptions("zeros")
  package var variance = WeightOptions("ones")
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let type = context.type(x)
    let feature = try normalized(axis, rank: type.rank, for: Self.name)
    let shape = [type.shape[feature]]
    let mean = try context.parameter("moving_mean", shape, mean, dtype: type.dtype, trainable: false)
    let variance = try context.parameter("moving_variance", shape, variance, dtype: type.dtype, trainable: false)
    // scale = gamma / √(variance + epsilon), shift = beta − mean · scale: both constant once weights are known.
    let epsilon = try context.builder.scalar(epsilon, type.dtype)
    let deviation = try context.emit(Sqrt(), try context.emit(Add(), variance, epsilon))
    var factor = try context.emit(Reciprocal(), deviation)
    if scale {
      let gamma = try context.parameter("gamma", shape, gamma, dtype: type.dtype)
      factor = try context.emit(Div(), gamma, deviation)
    }
    var shift = try context.emit(Neg(), try context.emit(Mul(), mean, factor))
    if center {
      let beta = try context.parameter("beta", shape, beta, dtype: type.dtype)
      shift = try context.emit(Add(), beta, shift)
    }
    factor = try context.aligned(factor, axis: feature, rank: type.rank)
    shift = try context.aligned(shift, axis: feature, rank: type.rank)
    let y = try context.emit(Add(), try context.emit(Mul(), x, factor), shift)
    return result(y)
  }
}
