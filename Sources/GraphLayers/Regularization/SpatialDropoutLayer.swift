// SPDX-License-Identifier: Apache-2.0
// What the layers share that zero whole channels.

import GraphIR
import TensorCore

/// Zeros whole channels during training.
package protocol SpatialDropoutLayer: TrainingOnlyLayer {
  /// The number of spatial axes.
  static var spatialRank: Int { get }
  var rate: Double { get set }
  var dataFormat: String { get set }
  var seed: Int? { get set }
}

extension SpatialDropoutLayer {
  package static var required: [String] { ["rate"] }
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("rate", \.rate, "the fraction of channels, from 0 to 1"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }

  package func check(_ input: TensorType) throws(TypeError) {
    try checkRate(rate)
    _ = try SpatialLayout(Self.name, rank: Self.spatialRank, input, dataFormat)
  }
}
