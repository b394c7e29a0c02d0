// SPDX-License-Identifier: Apache-2.0
// Random tensors with the sizes of another: normal.

import GraphIR
import TensorCore

package struct RandomNormalLike: RandomLikeOperation {
  package static let name = "RandomNormalLike"
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("mean", \.mean, "their mean"),
      Attribute("scale", \.scale, "their standard deviation"),
    ] + likeAttributes()
  }
  package var mean = 0.0
  package var scale = 1.0
  package var dtype: DType?
  package var seed: Double?
  package init() {}

  package func plain(_ shape: [Dim], _ dtype: DType) -> RandomNormal {
    RandomNormal(shape, dtype, mean: mean, scale: scale, seed: seed)
  }
}
