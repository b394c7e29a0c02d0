// SPDX-License-Identifier: Apache-2.0
// Attention whose heads of query share heads of key and value.

import GraphIR
import GraphOps
import TensorCore

package struct GroupQueryAttention: Layer {
  package static let name = "GroupQueryAttention"
  package static let summary =
    "Multi-head attention in which num_query_heads / num_key_value_heads heads of query share each "
    + "head of key and value."
  package static let required = ["head_dim", "num_query_heads", "num_key_value_heads"]
  package static let inputs = MultiHeadAttention.inputs
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("head_dim", \.size, "the width of a head"),
      Attribute("num_query_heads", \.queryHeads, "the number of heads of query"),
      Attribute("num_key_value_heads", \.sharedHeads, "the number of heads of key and value"),
      Attribute("dropout", \.dropout, "the fraction of weights that training drops"),
      Attribute("use_bias", \.useBias, "whether the projections add biases"),
      Attribute("sliding_window", \.slidingWindow, "how far a query sees to each side; none for everything"),
      Attribute("flash_attention", \.flash, "accepted and without effect: the compiler chooses"),
      Attribute("causal", \.causal, "whether a query sees no later keys"),
      Attribute("use_causal_mask", \.causal, "the same as causal"),
      Attribute("return_attention_scores", \.returnsScores, "whether 'scores' is a result too"),
      Attribute("use_gate", \.useGate, "whether the heads are multiplied by a sigmoid of the query"),
      Attribute("seed", \.seed, "the seed of the dropout"),
    ] + weight("kernel", \.kernel) + weight("bias", \.bias)
  }
  package var size = 0
  package var queryHeads = 0
  package var sharedHeads = 0
  package var dropout = 0.0
  package var useBias = true
  package var slidingWindow: Int?
  package var flash: Bool?
  package var causal = false
  package var returnsScores = false
  package var useGate = false
  package var seed: Int?
  package var kernel = WeightOptions("glorot_uniform")
  package var bias = WeightOptions("zeros")
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let query = try context.floats(operand(inputs))
    let value = try context.floats(inputs[1] ?? query)
    let key = try context.floats(inputs[2] ?? value)
    let type = context.type(query)
    try atLeastOne(size, "head_dim", of: Self.name)
    try atLeastOne(sharedHeads, "num_key_value_heads", of: Self.name)
    guard queryHeads > 0, queryHeads % sharedHeads == 0 else {
      throw TypeError(
        "'num_query_heads' of '\(Self.name)' must be a multiple of 'num_key_value_heads', found \(queryHeads) and "
          + "\(sharedHeads)")
    }
    guard type.rank == 3, context.type(value).rank == 3, context.type(key).rank == 3, let width = type.shape[2].value
    else {
      throw TypeError(
        "'\(Self.name)' needs query, value and key [N, T, width], found \(type), \(context.type(value)) and "
          + "\(context.type(key))", operand: 0)
    }
    if let slidingWindow { try atLeastOne(slidingWindow, "sliding_window", of: Self.name) }
    let ofQuery = Projection(heads: queryHeads, useBias: useBias, kernel: kernel, bias: bias)
    let ofKey = Projection(heads: sharedHeads, useBias: useBias, kernel: kernel, bias: bias)
    var q = try ofQuery.split(&context, query, size, "query")
    q = try context.emit(Mul(), q, try context.scalar(1 / Double(size).squareRoot(), like: q))
    let k = try ofKey.split(&context, key, size, "key")
    let v = try ofKey.split(&context, value, size, "value")
    // The heads of query as [shared heads, those that share one].
    let (batch, queries, keys) = (type.shape[0], type.shape[1], context.type(k).shape[1])
    let shared = [batch, queries, Dim(sharedHeads), Dim(queryHeads / sharedHeads), Dim(size)]
    let grouped = try context.emit(Reshape(exactly: shared), q)
    let products = try context.emit(Einsum("bqsgd,bksd->bsgqk"), grouped, k)
    let scores = try context.emit(Reshape(exactly: [batch, Dim(queryHeads), queries, keys]), products)
    let weights = try context.maskedSoftmax(scores, [3], mask: try visible(&context, query, value, key, inputs))
    let parts = [batch, Dim(sharedHeads), Dim(queryHeads / sharedHeads), queries, keys]
    var y = try context.emit(Einsum("bsgqk,bksd->bqsgd"), try context.emit(Reshape(exactly: parts), weights), v)
    y = try context.emit(Reshape(exactly: [batch, queries, Dim(queryHeads), Dim(size)]), y)
    if useGate {
      y = try context.emit(Mul(), y, try context.emit(Sigmoid(), try ofQuery.split(&context, query, size, "gate")))
    }
    y = try ofQuery.joined(&context, y, [width], "attention_output")
    if let given = inputs[3] ?? context.masks[query] { context.masks[y] = given }
    return result(y) + (returnsScores ? [LayerOutput("scores", weights)] : [])
  }

  /// [N or 1, 1, queries, keys]
  private func visible(
    _ context: inout LayerContext, _ query: ValueID, _ value: ValueID, _ key: ValueID, _ inputs: [ValueID?]
  ) throws(TypeError) -> ValueID? {
    var mask = try context.bandMask(
      queries: context.type(query).shape[1], keys: context.type(key).shape[1], causal: causal, window: slidingWindow)
    if let given = context.mask(inputs[3], of: query) {
      mask = try context.both(mask, try context.emit(Unsqueeze(axes: [-1]), try context.bools(given)))
    }
    for given in [context.mask(inputs[4], of: value), inputs[5] ?? inputs[2].flatMap { context.masks[$0] }] {
      guard let given else { continue }
      mask = try context.both(mask, try context.emit(Unsqueeze(axes: [-2]), try context.bools(given)))
    }
    if let given = inputs[6] { mask = try context.both(mask, try context.bools(given)) }
    guard let mask, context.type(mask).rank == 3 else { return mask }
    return try context.emit(Unsqueeze(axes: [1]), mask)
  }
}
