// SPDX-License-Identifier: Apache-2.0
// Zeros around [N, steps, channels].

import GraphIR
import GraphOps

package struct ZeroPadding1D: Layer {
  package static let name = "ZeroPadding1D"
  package static let summary = "Zeros before and after the steps of [N, steps, channels]."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("padding", \.padding, "how many: one number, or before and after"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var padding = [1]
  package var dataFormat = "channels_last"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    let layout = try SpatialLayout(Self.name, rank: 1, context.type(x), dataFormat)
    return result(try context.emit(try layout.border(padding, "padding", sign: 1), x))
  }
}
