// SPDX-License-Identifier: Apache-2.0
// Inputs scaled and shifted.

import GraphIR
import GraphOps
import TensorCore

package struct Rescaling: Layer {
  package static let name = "Rescaling"
  package static let summary = "inputs · scale + offset, such as pixels from 0…255 to 0…1 by Rescaling(1/255)."
  package static let required = ["scale"]
  package static var arguments: [Attribute<Self>] {
    [Attribute("scale", \.scale, "the factor"), Attribute("offset", \.offset, "what is added")]
  }
  package var scale = 1.0
  package var offset = 0.0
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    // Integers, such as pixels, become floats first, as in Keras.
    let x = try context.floats(operand(inputs))
    var y = try context.emit(Mul(), x, try context.scalar(scale, like: x))
    if offset != 0 { y = try context.emit(Add(), y, try context.scalar(offset, like: x)) }
    return result(y)
  }
}
