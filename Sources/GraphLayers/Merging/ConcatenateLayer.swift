// SPDX-License-Identifier: Apache-2.0
// Inputs one after the other along an axis.

import GraphIR
import GraphOps
import TensorCore

package struct ConcatenateLayer: Layer {
  package static let name = "Concatenate"
  package static let summary = "The inputs one after the other along an axis."
  package static let inputs = [Slot("inputs", .variadic)]
  package static let keepsMask = true
  package static var arguments: [Attribute<Self>] { [Attribute("axis", \.axis, "the axis that grows")] }
  package var axis = -1
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    result(try context.builder.emitAny(Concat(axis: axis), inputs)[0])
  }
}
