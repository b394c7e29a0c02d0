// SPDX-License-Identifier: Apache-2.0
// The middle of images.

import GraphIR
import GraphOps
import TensorCore

package struct CenterCrop: Layer {
  package static let name = "CenterCrop"
  package static let summary = "The middle height × width of images; smaller images are cut to the ratio and enlarged."
  package static let required = ["height", "width"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("height", \.height, "the new height"),
      Attribute("width", \.width, "the new width"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var height = 0
  package var width = 0
  package var dataFormat = "channels_last"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    try checkTarget(height, width, Self.name)
    let axes = try ImageAxes(context.type(x), dataFormat, Self.name)
    let (h, w) = try axes.sizes(context.type(x), Self.name)
    if h >= height, w >= width {
      return result(
        try axes.cut(&context, x, top: (h - height) / 2, left: (w - width) / 2, height: height, width: width))
    }
    var y = try axes.cutToRatio(&context, x, height: height, width: width, Self.name)
    let filter = try ResizeFilter("bilinear", antialias: false, for: Self.name)
    y = try filter.resized(&context, y, axis: axes.height, to: Dim(height))
    return result(try filter.resized(&context, y, axis: axes.width, to: Dim(width)))
  }
}
