// SPDX-License-Identifier: Apache-2.0
// Attention in several heads side by side.

import GraphIR
import GraphOps
import TensorCore

package struct MultiHeadAttention: Layer {
  package static let name = "MultiHeadAttention"
  package static let summary =
    "softmax(query · keyᵀ / √key_dim) · value in num_heads projections of [N, T, width], combined by a last one. With "
    + "one input it attends to itself."
  package static let required = ["num_heads"]
  package static let inputs = [
    Slot("query"), Slot("value", .optional), Slot("key", .optional), Slot("query_mask", .optional),
    Slot("value_mask", .optional), Slot("key_mask", .optional), Slot("attention_mask", .optional),
  ]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("num_heads", \.heads, "the number of heads"),
      Attribute(
        "key_dim", \.keySize, "the width of a head of query and key; the query's width / num_heads when not given"),
      Attribute("value_dim", \.valueSize, "the width of a head of value; key_dim when not given"),
      Attribute("dropout", \.dropout, "the fraction of weights that training drops"),
      Attribute("use_bias", \.useBias, "whether the projections add biases"),
      Attribute("output_shape", \.outputSize, "the width of the result; the query's when not given"),
      Attribute("attention_axes", \.attentionAxes, "the axes attended over; all but batch and width when not given"),
      Attribute("sliding_window", \.slidingWindow, "how far a query sees to each side; none for everything"),
      Attribute("flash_attention", \.flash, "accepted and without effect: the compiler chooses"),
      Attribute("causal", \.causal, "whether a query sees no later keys"),
      Attribute("use_causal_mask", \.causal, "the same as causal"),
      Attribute("return_attention_scores", \.returnsScores, "whether 'scores' is a result too"),
      Attribute("use_gate", \.useGate, "whether the heads are multiplied by a sigmoid of the query"),
      Attribute("seed", \.seed, "the seed of the dropout"),
    ] + weight("kernel", \.kernel) + weight("bias", \.bias)
  }
  package var heads = 0
  package var keySize: Int?
  package var valueSize: Int?
  package var dropout = 0.0
  package var useBias = true
  package var outputSize: [Int]?
  package var attentionAxes: [Int]?
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
    try atLeastOne(heads, "num_heads", of: Self.name)
    guard type.rank >= 3, context.type(value).rank == type.rank, context.type(key).rank == type.rank else {
      throw TypeError(
        "'\(Self.name)' needs query, value and key [N, T, width] of one rank, found \(type), \(context.type(value)) and "
          + "\(context.type(key))", operand: 0)
    }
    guard let width = type.shape.last?.value else {
      throw TypeError("'\(Self.name)' needs a known width, found \(type)", operand: 0)
    }
    if keySize == nil, width % heads != 0 {
      throw TypeError(
        "'\(Self.name)' cannot divide a width of \(width) into \(heads) heads", operand: 0, note: "or give key_dim")
    }
    let keySize = keySize ?? width / heads
    let valueSize = valueSize ?? keySize
    try atLeastOne(keySize, "key_dim", of: Self.name)
    try atLeastOne(valueSize, "value_dim", of: Self.name)
    if let slidingWindow { try atLeastOne(slidingWindow, "sliding_window", of: Self.name) }
    let axes = try normalized(
      attentionAxes ?? Array(1..<type.rank - 1), rank: type.rank, emptyMeansAll: false, for: Self.name)
    guard !axes.isEmpty, !axes.contains(0), !axes.contains(type.rank - 1) else {
      throw TypeError("'attention_axes' of '\(Self.name)' lie between batch and width, found \(attentionAxes ?? [])")
    }
    let projection = Projection(heads: heads, useBias: useBias, kernel: kernel, bias: bias)
    let scaled = 1 / Double(keySize).squareRoot()
    var q = try projection.split(&context, query, keySize, "query")
    q = try context.emit(Mul(), q, try context.scalar(scaled, like: q))
    let k = try projection.split(&context, key, keySize, "key")
    let v = try projection.split(&context, value, valueSize, "value")

    let equation = AttentionEquation(rank: type.rank, axes: axes)
    let mask = try visible(&context, query, value, inputs, rank: type.rank, axes: axes)
    let scores = try context.emit(Einsum(equation.scores), q, k)
    let last = context.type(scores).rank
    let weights = try context.maskedSoftmax(scores, Array(last - axes.count..<last), mask: mask)
    var y = try context.emit(Einsum(equation.combined), weights, v)
    if useGate {
      let gate = try context.emit(Sigmoid(), try projection.split(&context, query, valueSize, "gate"))
      y = try context.emit(Mul(), y, gate)
    }
    y = try projection.joined(&context, y, outputSize ?? [width], "attention_output")
    if let given = inputs[3] ?? context.masks[query] { context.masks[y] = given }
    return result(y) + (returnsScores ? [LayerOutput("scores", weights)] : [])
  }

  /// The masks of all operands and arguments as one that broadcasts with the scores, a head's axis included.
  private func visible(
    _ context: inout LayerContext, _ query: ValueID, _ value: ValueID, _ inputs: [ValueID?], rank: Int, axes: [Int]
  ) throws(TypeError) -> ValueID? {
    var mask: ValueID?
    if let given = context.mask(inputs[3], of: query) {
      mask = try context.emit(Unsqueeze(axes: [-1]), try context.bools(given))
    }
    for given in [context.mask(inputs[4], of: value), inputs[5] ?? inputs[2].flatMap { context.masks[$0] }] {
      guard let given else { continue }
      mask = try context.both(mask, try context.emit(Unsqueeze(axes: [-2]), try context.bools(given)))
    }
    let (queries, keys) = (context.type(query).shape[1], context.type(value).shape[1])
    if causal || slidingWindow != nil {
      guard axes.count == 1 else { throw TypeError("'\(Self.name)' masks by order along one attention axis only") }
      mask = try context.both(
        mask, try context.bandMask(queries: queries, keys: keys, causal: causal, window: slidingWindow))
    }
    if let given = inputs[6] { mask = try context.both(mask, try context.bools(given)) }
    guard let mask else { return nil }
    // The axes of the heads and of what is not attended over stand before those of queries and keys.
    let missing = rank + axes.count - context.type(mask).rank
    guard missing > 0, context.type(mask).rank > 2 * axes.count else { return mask }
    return try context.emit(Unsqueeze(axes: Array(1...missing)), mask)
  }
}
