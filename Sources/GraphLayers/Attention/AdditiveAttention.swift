// SPDX-License-Identifier: Apache-2.0
// Attention by sums through tanh (Bahdanau).

import GraphIR
import GraphOps
import TensorCore

package struct AdditiveAttention: ScoredAttention {
  package static let name = "AdditiveAttention"
  package static let summary = "softmax(Σ scale · tanh(query + key)) · value of [N, T, width]."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("use_scale", \.useScale, "whether a parameter 'scale' weighs the features"),
      Attribute("dropout", \.dropout, "the fraction of weights that training drops"),
      Attribute("seed", \.seed, "the seed of the dropout"),
      Attribute("causal", \.causal, "whether a query sees no later keys"),
      Attribute("use_causal_mask", \.causal, "the same as causal"),
      Attribute("return_attention_scores", \.returnsScores, "whether 'scores' is a result too"),
    ]
  }
  package var useScale = true
  package var dropout = 0.0
  package var seed: Int?
  package var causal = false
  package var returnsScores = false
  package init() {}

  package func scores(_ context: inout LayerContext, _ query: ValueID, _ key: ValueID) throws(TypeError) -> ValueID {
    let type = context.type(query)
    let scale =
      useScale
      ? try context.parameter("scale", [type.shape[2]], WeightOptions("glorot_uniform"), dtype: type.dtype) : nil
    return try context.tanhScores(query, key, inside: nil, outside: scale)
  }
}
