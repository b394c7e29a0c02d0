// SPDX-License-Identifier: Apache-2.0
// Categories as vectors.

import GraphIR
import GraphOps
import TensorCore

package struct CategoryEncoding: Layer {
  package static let name = "CategoryEncoding"
  package static let summary = "Integers as vectors of num_tokens: one for each, or one for all of a sample."
  package static let required = ["num_tokens"]
  package static let inputs = [Slot("inputs"), Slot("count_weights", .optional)]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("num_tokens", \.count, "the number of categories"),
      Attribute("output_mode", \.outputMode, "'multi_hot', 'one_hot' or 'count'"),
    ]
  }
  package var count = 0
  package var outputMode = "multi_hot"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    try atLeastOne(count, "num_tokens", of: Self.name)
    guard context.type(x).dtype.isInteger else {
      throw TypeError("'CategoryEncoding' needs integers, found \(context.type(x))", operand: 0)
    }
    if inputs.count > 1, inputs[1] != nil, outputMode != "count" {
      throw TypeError("'count_weights' of 'CategoryEncoding' needs output_mode = count, found '\(outputMode)'")
    }
    let weights = inputs.count > 1 ? inputs[1] : nil
    return result(
      try context.encoded(x, depth: count, outputMode, allowsInt: false, weights: weights, for: Self.name))
  }
}

extension LayerContext {
  /// Categories in one of Keras' output modes; a category that is not in 0..<depth is no category.
  mutating func encoded(
    _ categories: ValueID, depth: Int, _ mode: String, allowsInt: Bool, weights: ValueID? = nil, for layer: String
  ) throws(TypeError) -> ValueID {
    let modes = (allowsInt ? ["int"] : []) + ["one_hot", "multi_hot", "count"]
    guard modes.contains(mode) else {
      throw TypeError(
        "'output_mode' of '\(layer)' is '\(mode)'", note: "it is \(modes.map { "'\($0)'" }.joined(separator: ", "))")
    }
    if mode == "int" { return categories }
    var x = categories
    let shape = type(x).shape
    if mode == "one_hot", shape.count > 1, shape.last == 1 { x = try emit(Squeeze(axes: [-1]), x) }
    if mode != "one_hot", shape.isEmpty { x = try emit(Unsqueeze(axes: [0]), x) }
    let column = try emit(Unsqueeze(axes: [-1]), x)
    let isIt = try emit(Equal(), column, try range(Dim(depth), type(x).dtype))
    var hot = try emit(Cast(to: .f32), isIt)
    if mode == "one_hot" { return hot }
    if let weights { hot = try emit(Mul(), hot, try emit(Unsqueeze(axes: [-1]), try floats(weights))) }
    let axis = shape.count > 1 ? 1 : 0
    return mode == "count"
      ? try emit(ReduceSum(axes: [axis], keepDims: false), hot)
      : try emit(ReduceMax(axes: [axis], keepDims: false), hot)
  }
}
