// SPDX-License-Identifier: Apache-2.0
// What is left of [N, steps, channels] when its borders are cut.

import GraphIR
import GraphOps

package struct Cropping1D: Layer {
  package static let name = "Cropping1D"
  package static let summary = "[N, steps, channels] without steps at the start and end of it."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("cropping", \.cropping, "how many: one number, or before and after")
    ]
  }
  package var cropping = [1]
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    let layout = try SpatialLayout(Self.name, rank: 1, context.type(x), "channels_last")
    return result(try context.emit(try layout.border(cropping, "cropping", sign: -1), x))
  }
}
