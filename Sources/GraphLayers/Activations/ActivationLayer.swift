// SPDX-License-Identifier: Apache-2.0
// An activation by name.

import GraphIR
import TensorCore

package struct ActivationLayer: Layer {
  package static let name = "Activation"
  package static let summary = "The activation function of a name."
  package static let required = ["activation"]
  package static var arguments: [Attribute<Self>] { [Attribute("activation", \.activation, "the activation's name")] }
  package var activation = "linear"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard let x = inputs[0] else { throw TypeError("'Activation' needs an input") }
    return [LayerOutput("output", try context.activate(activation, x))]
  }
}
