// SPDX-License-Identifier: Apache-2.0
// All axes but the batch as one.

import GraphIR
import GraphOps
import TensorCore

package struct Flatten: Layer {
  package static let name = "Flatten"
  package static let summary = "[N, a, b, …] as [N, a · b · …]."
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard let x = inputs[0] else { throw TypeError("'Flatten' needs an input") }
    let shape = context.type(x).shape
    guard let batch = shape.first else { throw TypeError("'Flatten' needs a batch axis, found a scalar", operand: 0) }
    let rest = shape.dropFirst().reduce(Dim(1), *)
    return [LayerOutput("output", try context.emit(Reshape(exactly: [batch, rest]), x))]
  }
}
