// SPDX-License-Identifier: Apache-2.0
// Rows of a table by index, and back: the scores of all rows.

import GraphIR
import GraphOps
import TensorCore

/// A box goes one way. Both ways read one table where a box such as `table["Parameter(9, 3)"]` gives it to both, with
/// edges `table -->|embeddings| box`; else each has its own.
package struct ReversibleEmbedding: Layer {
  package static let name = "ReversibleEmbedding"
  package static let summary =
    "The rows of a table [input_dim, output_dim] at integer indices; with reverse = true the products of "
    + "[…, output_dim] with all rows."
  package static let required = ["input_dim", "output_dim"]
  package static let inputs = [Slot("inputs"), Slot("embeddings", .optional)]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("input_dim", \.embedding.inputDim, "the number of rows"),
      Attribute("output_dim", \.embedding.outputDim, "the size of a row"),
      Attribute("tie_weights", \.tiesWeights, "whether the way back uses the same table, else 'reverse_embeddings'"),
    ] + weight("embeddings", \.embedding.embeddings) + [
      Attribute("mask_zero", \.embedding.maskZero, "whether index 0 is padding, which the layers behind leave out"),
      Attribute("reverse_dtype", \.reverseType, "the element type of the way back; none: that of the inputs"),
      Attribute("logit_soft_cap", \.softCap, "the scores become tanh(scores / cap) · cap"),
      Attribute("reverse", \.isReverse, "whether the inputs are rows and the result is scores"),
    ]
  }
  package var embedding = Embedding()
  package var tiesWeights = true
  package var reverseType: DType?
  package var softCap: Double?
  package var isReverse = false
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    try atLeastOne(embedding.inputDim, "input_dim", of: Self.name)
    try atLeastOne(embedding.outputDim, "output_dim", of: Self.name)
    let (rows, width) = (Dim(embedding.inputDim), Dim(embedding.outputDim))
    let isOwnKernel = isReverse && !tiesWeights
    if let given = inputs[1] {
      guard !isOwnKernel, context.type(given).dtype.isFloat, context.type(given).shape == [rows, width] else {
        throw TypeError(
          "the embeddings of 'ReversibleEmbedding' are \(context.type(given)), expected "
            + (isOwnKernel ? "none with tie_weights = false" : "\(TensorType(.f32, [rows, width]))"), operand: 1)
      }
    }
    guard isReverse else { return result(try embedding.rows(&context, x, of: inputs[1], for: Self.name)) }
    let shape = context.type(x).shape
    guard context.type(x).dtype.isFloat, shape.count > 1, shape.last == width else {
      throw TypeError(
        "'ReversibleEmbedding' with reverse = true needs floats [N, …, \(width)], found \(context.type(x))", operand: 0)
    }
    let dtype = context.type(x).dtype
    var kernel: ValueID
    if isOwnKernel {
      kernel = try context.parameter("reverse_embeddings", [width, rows], embedding.embeddings, dtype: dtype)
    } else {
      let own = inputs[1] == nil ? try embedding.table(&context, dtype) : nil
      kernel = try context.emit(Transpose(perm: [1, 0]), inputs[1] ?? own)
    }
    let type = reverseType ?? dtype
    func converted(_ value: ValueID) throws(TypeError) -> ValueID {
      context.type(value).dtype == type ? value : try context.emit(Cast(to: type), value)
    }
    var scores = try context.emit(MatMul(), try converted(x), try converted(kernel))
    if let softCap {
      let cap = try context.scalar(softCap, like: scores)
      scores = try context.emit(Mul(), try context.emit(Tanh(), try context.emit(Div(), scores, cap)), cap)
    }
    return result(scores)
  }
}
