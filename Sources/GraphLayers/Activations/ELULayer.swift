// SPDX-License-Identifier: Apache-2.0
// The exponential linear unit.

import GraphIR
import GraphOps

package struct ELULayer: Layer {
  package static let name = "ELU"
  package static let summary = "x for x > 0, alpha · (eˣ − 1) below."
  package static var arguments: [Attribute<Self>] { [Attribute("alpha", \.alpha, "the size of the negative part")] }
  package static let keepsMask = true
  package var alpha = 1.0
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    var elu = Elu()
    elu.alpha = alpha
    return result(try context.emit(elu, try context.floats(operand(inputs))))
  }
}
