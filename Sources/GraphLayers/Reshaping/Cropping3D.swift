// SPDX-License-Identifier: Apache-2.0
// What is left of [N, depth, height, width, channels] when its borders are cut.

import GraphIR
import GraphOps

package struct Cropping3D: Layer {
  package static let name = "Cropping3D"
  package static let summary =
    "[N, depth, height, width, channels] without places at the start and end of its spatial axes."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("cropping", \.cropping, "how many: one number, one for each axis, or before and after each axis"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var cropping = [1]
  package var dataFormat = "channels_last"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    let layout = try SpatialLayout(Self.name, rank: 3, context.type(x), dataFormat)
    return result(try context.emit(try layout.border(cropping, "cropping", sign: -1), x))
  }
}
