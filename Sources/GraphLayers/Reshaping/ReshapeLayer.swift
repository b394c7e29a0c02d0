// SPDX-License-Identifier: Apache-2.0
// Other sizes behind the batch axis.

import GraphIR
import GraphOps
import TensorCore

package struct ReshapeLayer: Layer {
  package static let name = "Reshape"
  package static let summary = "The same elements of each sample with other sizes; one may be -1."
  package static let required = ["target_shape"]
  package static var arguments: [Attribute<Self>] {
    [Attribute("target_shape", \.targetShape, "the sizes without the batch axis")]
  }
  package var targetShape: [Dim] = []
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    guard let batch = context.type(x).shape.first else {
      throw TypeError("'Reshape' needs a batch axis, found a scalar", operand: 0, note: "use onnx.Reshape for all axes")
    }
    var reshape = Reshape(shape: [batch] + targetShape)
    reshape.allowZero = true
    return result(try context.emit(reshape, x))
  }
}
