// SPDX-License-Identifier: Apache-2.0
// Random tensors with the sizes of another: uniform.

import GraphIR
import TensorCore

package struct RandomUniformLike: RandomLikeOperation {
  package static let name = "RandomUniformLike"
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("low", \.low, "the smallest number"),
      Attribute("high", \.high, "what all numbers are below"),
    ] + likeAttributes()
  }
  package var low = 0.0
  package var high = 1.0
  package var dtype: DType?
  package var seed: Double?
  package init() {}

  package func plain(_ shape: [Dim], _ dtype: DType) -> RandomUniform {
    RandomUniform(shape, dtype, low: low, high: high, seed: seed)
  }
}
