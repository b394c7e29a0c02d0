// SPDX-License-Identifier: Apache-2.0
// Random changes of images during training.

import GraphIR
import GraphOps
import TensorCore

/// Changes images [height, width, channels], or a batch of them, during training; outside of it they become floats.
package protocol AugmentationLayer: Layer {}

extension AugmentationLayer {
  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    try checkImage(context.type(x), Self.name)
    return result(try context.floats(x))
  }
}

/// An augmentation of the values of pixels by a random factor.
package protocol FactorAugmentationLayer: AugmentationLayer {
  /// The range of the change; one number for both sides.
  var factor: [Double] { get set }
  var valueRange: [Double] { get set }
  var dataFormat: String { get set }
  var seed: Int? { get set }
}

extension FactorAugmentationLayer {
  package static var required: [String] { ["factor"] }
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("factor", \.factor, "the range of the change; one number for both sides"),
      Attribute("value_range", \.valueRange, "the smallest and largest value of a pixel"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("seed", \.seed, "the seed of the choice"),
    ]
  }
}

/// Checks an image or a batch of images.
func checkImage(_ type: TensorType, _ layer: String) throws(TypeError) {
  guard type.rank == 3 || type.rank == 4 else {
    throw TypeError(
      "'\(layer)' needs images [height, width, channels] or [N, height, width, channels], found \(type)", operand: 0)
  }
}
