// SPDX-License-Identifier: Apache-2.0
// Each place of a volume several times along every axis.

import GraphIR
import GraphOps

package struct UpSampling3D: Layer {
  package static let name = "UpSampling3D"
  package static let summary = "Each place of [N, depth, height, width, channels] size times along every axis."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("size", \.size, "how often, one number for each axis or for all"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var size = [2]
  package var dataFormat = "channels_last"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    let layout = try SpatialLayout(Self.name, rank: 3, context.type(x), dataFormat)
    return result(try context.repeated(x, layout.spatialAxes, try layout.perAxis(size, "size")))
  }
}
