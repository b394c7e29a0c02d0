// SPDX-License-Identifier: Apache-2.0
// Each step several times.

import GraphIR
import GraphOps

package struct UpSampling1D: Layer {
  package static let name = "UpSampling1D"
  package static let summary = "Each step of [N, steps, channels] size times."
  package static var arguments: [Attribute<Self>] { [Attribute("size", \.size, "how often")] }
  package var size = [2]
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    let layout = try SpatialLayout(Self.name, rank: 1, context.type(x), "channels_last")
    return result(try context.repeated(x, [1], try layout.perAxis(size, "size")))
  }
}
