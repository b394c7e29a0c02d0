// SPDX-License-Identifier: Apache-2.0
// Images of another size.

import GraphIR
import GraphOps
import TensorCore

package struct Resizing: Layer {
  package static let name = "Resizing"
  package static let summary = "Images interpolated to height × width."
  package static let required = ["height", "width"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("height", \.height, "the new height"),
      Attribute("width", \.width, "the new width"),
      Attribute("interpolation", \.interpolation, "'bilinear', 'nearest', 'bicubic', 'lanczos3' or 'lanczos5'"),
      Attribute("crop_to_aspect_ratio", \.cropsToRatio, "whether the images are first cut to the new ratio"),
      Attribute("pad_to_aspect_ratio", \.padsToRatio, "whether the images are first padded to the new ratio"),
      Attribute("fill_mode", \.fillMode, "how they are padded: 'constant'"),
      Attribute("fill_value", \.fillValue, "what they are padded with"),
      Attribute("antialias", \.antialias, "whether smaller images are made of all elements"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var height = 0
  package var width = 0
  package var interpolation = "bilinear"
  package var cropsToRatio = false
  package var padsToRatio = false
  package var fillMode = "constant"
  package var fillValue = 0.0
  package var antialias = false
  package var dataFormat = "channels_last"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let given = try operand(inputs)
    var x = try context.floats(given)
    try checkTarget(height, width, Self.name)
    let axes = try ImageAxes(context.type(x), dataFormat, Self.name)
    guard fillMode == "constant" else {
      throw TypeError("'fill_mode' of 'Resizing' must be 'constant', found '\(fillMode)'")
    }
    guard !(cropsToRatio && padsToRatio) else {
      throw TypeError("'Resizing' takes 'crop_to_aspect_ratio' or 'pad_to_aspect_ratio', not both")
    }
    if cropsToRatio { x = try axes.cutToRatio(&context, x, height: height, width: width, Self.name) }
    if padsToRatio { x = try padded(&context, x, axes) }
    let filter = try ResizeFilter(interpolation, antialias: antialias, for: Self.name)
    x = try filter.resized(&context, x, axis: axes.height, to: Dim(height))
    x = try filter.resized(&context, x, axis: axes.width, to: Dim(width))
    let dtype = context.type(given).dtype
    // Integer pixels stay integers.
    return result(dtype.isFloat ? x : try context.emit(Cast(to: dtype), try context.emit(Round(), x)))
  }

  /// Borders on both sides of the shorter axis.
  private func padded(_ context: inout LayerContext, _ x: ValueID, _ axes: ImageAxes) throws(TypeError) -> ValueID {
    let (h, w) = try axes.sizes(context.type(x), Self.name)
    let rows = (max(h, w * height / width) - h) / 2
    let columns = (max(w, h * width / height) - w) / 2
    let border = rows > 0 ? [rows, 0] : [0, columns]
    return try context.emit(
      Pad(pads: (border + border).map { Dim($0) }, value: fillValue, axes: [axes.height, axes.width]), x)
  }
}
