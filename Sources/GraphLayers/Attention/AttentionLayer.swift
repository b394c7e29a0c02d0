// SPDX-License-Identifier: Apache-2.0
// Attention by dot products, and what it shares with the additive one.

import GraphIR
import GraphOps
import TensorCore

/// Attention without projections: inputs query, value and key (value when not given), with masks of steps.
package protocol ScoredAttention: Layer {
  var causal: Bool { get }
  var returnsScores: Bool { get }
  /// [N, queries, keys] from query and key.
  func scores(_ context: inout LayerContext, _ query: ValueID, _ key: ValueID) throws(TypeError) -> ValueID
}

extension ScoredAttention {
  package static var inputs: [Slot] {
    [
      Slot("query"), Slot("value"), Slot("key", .optional), Slot("query_mask", .optional),
      Slot("value_mask", .optional),
    ]
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let query = try context.floats(operand(inputs))
    let value = try context.floats(operand(inputs, 1))
    let key = try context.floats(inputs[2] ?? value)
    let types = [query, value, key].map { context.type($0) }
    guard types.allSatisfy({ $0.rank == 3 }) else {
      throw TypeError(
        "'\(Self.name)' needs query, value and key [N, T, width], found \(types[0]), \(types[1]) and \(types[2])",
        operand: 0)
    }
    let scores = try scores(&context, query, key)
    let queryMask = context.mask(inputs[3], of: inputs[0])
    var mask = try context.bandMask(
      queries: types[0].shape[1], keys: types[2].shape[1], causal: causal, window: nil)
    if let given = context.mask(inputs[4], of: inputs[1]) {
      mask = try context.both(mask, try context.emit(Unsqueeze(axes: [1]), try context.bools(given)))
    }
    var lowered = scores
    if let mask {
      // As Keras: what is not seen is lowered, so that a query that sees nothing weighs all alike.
      let far = try context.emit(
        Sub(), scores, try context.scalar(types[0].dtype == .f16 ? 65504 : 1e9, like: scores))
      lowered = try context.emit(Where(), mask, scores, far)
    }
    let weights = try context.emit(Softmax(axis: -1), lowered)
    var y = try context.emit(MatMul(), weights, value)
    if let queryMask {
      let kept = try context.emit(Unsqueeze(axes: [2]), try context.bools(queryMask))
      y = try context.emit(Where(), kept, y, try context.scalar(0, like: y))
      context.masks[y] = queryMask
    }
    return result(y) + (returnsScores ? [LayerOutput("scores", weights)] : [])
  }
}

package struct AttentionLayer: ScoredAttention {
  package static let name = "Attention"
  package static let summary = "softmax(query · keyᵀ) · value of [N, T, width], without projections."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("use_scale", \.useScale, "whether a parameter 'scale' multiplies the scores"),
      Attribute("score_mode", \.scoreMode, "'dot', or 'concat' for Σ tanh(query + key)"),
      Attribute("dropout", \.dropout, "the fraction of weights that training drops"),
      Attribute("seed", \.seed, "the seed of the dropout"),
      Attribute("causal", \.causal, "whether a query sees no later keys"),
      Attribute("use_causal_mask", \.causal, "the same as causal"),
      Attribute("return_attention_scores", \.returnsScores, "whether 'scores' is a result too"),
    ]
  }
  package var useScale = false
  package var scoreMode = "dot"
  package var dropout = 0.0
  package var seed: Int?
  package var causal = false
  package var returnsScores = false
  package init() {}

  package func scores(_ context: inout LayerContext, _ query: ValueID, _ key: ValueID) throws(TypeError) -> ValueID {
    guard scoreMode == "dot" || scoreMode == "concat" else {
      throw TypeError("'score_mode' of 'Attention' must be 'dot' or 'concat', found '\(scoreMode)'")
    }
    let dtype = context.type(query).dtype
    let ones = WeightOptions("ones")
    let scale = useScale ? try context.parameter("scale", [], ones, dtype: dtype) : nil
    if scoreMode == "dot" {
      let scores = try context.emit(Einsum("bqd,bkd->bqk"), query, key)
      return scale == nil ? scores : try context.emit(Mul(), scores, scale)
    }
    let weight = try context.parameter("concat_score_weight", [], ones, dtype: dtype)
    return try context.emit(Mul(), weight, try context.tanhScores(query, key, inside: scale, outside: nil))
  }
}

extension LayerContext {
  /// Σ outside · tanh(inside · (query + key)) over the width, for each pair of steps.
  mutating func tanhScores(
    _ query: ValueID, _ key: ValueID, inside: ValueID?, outside: ValueID?
  ) throws(TypeError) -> ValueID {
    var sum = try emit(Add(), try emit(Unsqueeze(axes: [2]), query), try emit(Unsqueeze(axes: [1]), key))
    if let inside { sum = try emit(Mul(), sum, inside) }
    var bent = try emit(Tanh(), sum)
    if let outside { bent = try emit(Mul(), bent, outside) }
    return try emit(ReduceSum(axes: [-1], keepDims: false), bent)
  }
}
