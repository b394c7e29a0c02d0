// SPDX-License-Identifier: Apache-2.0
// Normalisation of groups of channels of each sample.

import GraphIR
import GraphOps
import TensorCore

package struct GroupNormalization: Layer {
  package static let name = "GroupNormalization"
  package static let summary =
    "(x − mean) / √(variance + epsilon) over groups of channels of each sample, times gamma plus beta."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("groups", \.groups, "the number of groups; -1 for one for each channel"),
      Attribute("axis", \.axis, "the axis of channels"),
      Attribute("epsilon", \.epsilon, "added to the variance"),
      Attribute("center", \.center, "whether beta is added"),
      Attribute("scale", \.scale, "whether gamma is multiplied"),
    ] + weight("beta", \.beta) + weight("gamma", \.gamma)
  }
  package static let keepsMask = true
  package var groups = 32
  package var axis = -1
  package var epsilon = 0.001
  package var center = true
  package var scale = true
  package var beta = WeightOptions("zeros")
  package var gamma = WeightOptions("ones")
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let type = context.type(x)
    let channel = try normalized(axis, rank: type.rank, for: Self.name)
    guard channel > 0 else { throw TypeError("'axis' of '\(Self.name)' cannot be the batch, found \(axis)") }
    let channels = type.shape[channel]
    guard let count = channels.value else {
      throw TypeError("'\(Self.name)' needs a known number of channels, found \(type)", operand: 0)
    }
    let groups = groups == -1 ? count : groups
    guard groups > 0, count % groups == 0 else {
      throw TypeError(
        "'\(Self.name)' cannot divide \(count) channels into \(groups) groups", operand: 0,
        note: "groups must divide the channels; the default is 32")
    }
    // Channels as groups of an axis of their own; everything but batch and group is normalised together.
    var split = type.shape
    split[channel] = Dim(count / groups)
    split.insert(Dim(groups), at: channel)
    let grouped = try context.emit(Reshape(exactly: split), x)
    let axes = split.indices.filter { $0 != 0 && $0 != channel }
    let centred = try context.emit(Sub(), grouped, try context.emit(ReduceMean(axes: axes), grouped))
    let variance = try context.emit(ReduceMean(axes: axes), try context.emit(Mul(), centred, centred))
    let deviation = try context.emit(
      Sqrt(), try context.emit(Add(), variance, try context.scalar(epsilon, like: x)))
    var y = try context.emit(Reshape(exactly: type.shape), try context.emit(Div(), centred, deviation))
    if scale {
      let gamma = try context.parameter("gamma", [channels], gamma, dtype: type.dtype)
      y = try context.emit(Mul(), y, try context.aligned(gamma, axis: channel, rank: type.rank))
    }
    if center {
      let beta = try context.parameter("beta", [channels], beta, dtype: type.dtype)
      y = try context.emit(Add(), y, try context.aligned(beta, axis: channel, rank: type.rank))
    }
    return result(y)
  }
}
