// SPDX-License-Identifier: Apache-2.0
// Rows of a table by index.

import GraphIR
import GraphOps
import TensorCore

package struct Embedding: Layer {
  package static let name = "Embedding"
  package static let summary = "The rows of a table [input_dim, output_dim] at integer indices."
  package static let required = ["input_dim", "output_dim"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("input_dim", \.inputDim, "the number of rows"),
      Attribute("output_dim", \.outputDim, "the size of a row"),
      Attribute("mask_zero", \.maskZero, "whether index 0 is padding, which the layers behind then leave out"),
    ] + weight("embeddings", \.embeddings)
  }
  package var inputDim = 0
  package var outputDim = 0
  package var embeddings = WeightOptions("uniform")
  package var maskZero = false
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let indices = try operand(inputs)
    try atLeastOne(inputDim, "input_dim", of: Self.name)
    try atLeastOne(outputDim, "output_dim", of: Self.name)
    return result(try rows(&context, indices, of: nil, for: Self.name))
  }

  /// The rows of a given table, or of an own one.
  func rows(
    _ context: inout LayerContext, _ indices: ValueID, of given: ValueID?, for name: String
  ) throws(TypeError) -> ValueID {
    guard context.type(indices).dtype.isInteger else {
      throw TypeError(
        "'\(name)' needs integer indices, found \(context.type(indices))", operand: 0,
        note: "declare the input with i32, such as Input(N, T, i32)")
    }
    let own = given == nil ? try table(&context, .f32) : nil
    let y = try context.emit(Gather(axis: 0), given ?? own, indices)
    if maskZero {
      let same = try context.emit(Equal(), indices, try context.scalar(0, like: indices))
      context.masks[y] = try context.emit(Not(), same)
    }
    return y
  }

  /// Its table.
  func table(_ context: inout LayerContext, _ dtype: DType) throws(TypeError) -> ValueID {
    try context.parameter("embeddings", [Dim(inputDim), Dim(outputDim)], embeddings, dtype: dtype)
  }
}
