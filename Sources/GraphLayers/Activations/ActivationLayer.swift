// SPDX-License-Identifier: Apache-2.0
// An activation by name.

import GraphIR

package struct ActivationLayer: Layer {
  package static let name = "Activation"
  package static let summary = "The activation function of a name."
  package static let required = ["activation"]
  package static var arguments: [Attribute<Self>] { [Attribute("activation", \.activation, "the activation's name")] }
  package static let keepsMask = true
  package var activation = "linear"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    result(try context.activate(activation, try context.floats(operand(inputs))))
  }
}
