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

/// Checks an image or a batch of images.
func checkImage(_ type: TensorType, _ layer: String) throws(TypeError) {
  guard type.rank == 3 || type.rank == 4 else {
    throw TypeError(
      "'\(layer)' needs images [height, width, channels] or [N, height, width, channels], found \(type)", operand: 0)
  }
}
