// SPDX-License-Identifier: Apache-2.0
// All axes but the batch as one.

import GraphIR
import GraphOps
import TensorCore

package struct Flatten: Layer {
  package static let name = "Flatten"
  package static let summary = "[N, a, b, …] as [N, a · b · …]."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute(
        "data_format", \.dataFormat, "'channels_last' or 'channels_first': channels are then moved to the end first")
    ]
  }
  package var dataFormat = "channels_last"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    var x = try operand(inputs)
    let shape = context.type(x).shape
    guard let batch = shape.first else { throw TypeError("'Flatten' needs a batch axis, found a scalar", operand: 0) }
    guard dataFormat == "channels_last" || dataFormat == "channels_first" else {
      throw TypeError("'data_format' of 'Flatten' must be 'channels_last' or 'channels_first', found '\(dataFormat)'")
    }
    if dataFormat == "channels_first", shape.count > 2 {
      x = try context.emit(Transpose(perm: [0] + Array(2..<shape.count) + [1]), x)
    }
    let rest = shape.dropFirst().reduce(Dim(1), *)
    return result(try context.emit(Reshape(exactly: [batch, rest]), x))
  }
}
