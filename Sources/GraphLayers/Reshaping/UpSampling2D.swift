// SPDX-License-Identifier: Apache-2.0
// Larger images.

import GraphIR
import GraphOps
import TensorCore

package struct UpSampling2D: Layer {
  package static let name = "UpSampling2D"
  package static let summary =
    "[N, height, width, channels] with size times the height and width, repeated or interpolated."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("size", \.size, "factors of height and width; one number for both"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("interpolation", \.interpolation, "'nearest', 'bilinear', 'bicubic', 'lanczos3' or 'lanczos5'"),
    ]
  }
  package var size = [2]
  package var dataFormat = "channels_last"
  package var interpolation = "nearest"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    let layout = try SpatialLayout(Self.name, rank: 2, context.type(x), dataFormat)
    let factors = try layout.perAxis(size, "size")
    if interpolation == "nearest" { return result(try context.repeated(x, layout.spatialAxes, factors)) }
    var y = try context.floats(x)
    let filter = try ResizeFilter(interpolation, antialias: false, for: Self.name)
    for (axis, factor) in zip(layout.spatialAxes, factors) {
      y = try filter.resized(&context, y, axis: axis, to: context.type(y).shape[axis] * Dim(factor))
    }
    return result(y)
  }
}
