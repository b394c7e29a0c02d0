// SPDX-License-Identifier: Apache-2.0
// The input itself.

import GraphIR

package struct IdentityLayer: Layer {
  package static let name = "Identity"
  package static let summary = "The input itself."
  package static let keepsMask = true
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    result(try operand(inputs))
  }
}
