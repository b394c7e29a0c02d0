// SPDX-License-Identifier: Apache-2.0
// The mean of each channel.

import GraphIR
import GraphOps
import TensorCore

package struct GlobalAveragePooling2D: Layer {
  package static let name = "GlobalAveragePooling2D"
  package static let summary = "The mean of each channel of [N, height, width, channels]."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("keepdims", \.keepDims, "whether the spatial axes stay with size 1"),
    ]
  }
  package var dataFormat = "channels_last"
  package var keepDims = false
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard let x = inputs[0] else { throw TypeError("'\(Self.name)' needs an input") }
    let window = try SpatialWindow(
      Self.name, rank: 2, context.type(x), size: [1], strides: [1], padding: "valid", dataFormat: dataFormat)
    let result = try context.emit(ReduceMean(axes: window.isChannelsLast ? [1, 2] : [2, 3], keepDims: keepDims), x)
    return [LayerOutput("output", result)]
  }
}
