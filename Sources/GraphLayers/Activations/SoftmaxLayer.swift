// SPDX-License-Identifier: Apache-2.0
// Exponentials that sum to one.

import GraphIR
import GraphOps
import TensorCore

package struct SoftmaxLayer: Layer {
  package static let name = "Softmax"
  package static let summary = "exp(x) / Σ exp(x) along an axis."
  package static var arguments: [Attribute<Self>] { [Attribute("axis", \.axis, "the axis that sums to one")] }
  package var axis = -1
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard let x = inputs[0] else { throw TypeError("'Softmax' needs an input") }
    return [LayerOutput("output", try context.emit(Softmax(axis: axis), x))]
  }
}
