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
      Attribute("embeddings_initializer", \.initializer, "how the table starts"),
      Attribute("mask_zero", \.maskZero, "whether index 0 is padding that recurrent layers skip"),
    ]
  }
  package var inputDim = 0
  package var outputDim = 0
  package var initializer = "uniform"
  package var maskZero = false
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard let indices = inputs[0] else { throw TypeError("'Embedding' needs an input") }
    guard inputDim > 0, outputDim > 0 else {
      throw TypeError("'Embedding' needs positive sizes, found \(inputDim) and \(outputDim)")
    }
    guard context.type(indices).dtype.isInteger else {
      throw TypeError(
        "'Embedding' needs integer indices, found \(context.type(indices))", operand: 0,
        note: "declare the input with i32, such as Input(N, T, i32)")
    }
    let table = try context.parameter("embeddings", [Dim(inputDim), Dim(outputDim)], initializer: initializer)
    return [LayerOutput("output", try context.emit(Gather(axis: 0), table, indices))]
  }
}
