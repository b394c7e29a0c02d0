// SPDX-License-Identifier: Apache-2.0
// Height and width of an image or a batch of images, and cutting it.

import GraphIR
import GraphOps
import TensorCore

/// The height and width axes of `[N,] height, width, channels` or `[N,] channels, height, width`.
struct ImageAxes {
  let height: Int
  let width: Int

  init(_ type: TensorType, _ dataFormat: String, _ layer: String) throws(TypeError) {
    try checkImage(type, layer)
    guard dataFormat == "channels_last" || dataFormat == "channels_first" else {
      throw TypeError("'data_format' of '\(layer)' must be 'channels_last' or 'channels_first', found '\(dataFormat)'")
    }
    height = dataFormat == "channels_last" ? type.rank - 3 : type.rank - 2
    width = height + 1
  }

  /// Height and width as numbers.
  func sizes(_ type: TensorType, _ layer: String) throws(TypeError) -> (height: Int, width: Int) {
    guard let h = type.shape[height].value, let w = type.shape[width].value, h > 0, w > 0, h <= 1 << 20, w <= 1 << 20
    else {
      throw TypeError("'\(layer)' needs a known height and width, found \(type)", operand: 0)
    }
    return (h, w)
  }

  /// The part of the images from a corner.
  func cut(
    _ context: inout LayerContext, _ x: ValueID, top: Int, left: Int, height h: Int, width w: Int
  ) throws(TypeError) -> ValueID {
    let slice = Slice(starts: [Dim(top), Dim(left)], ends: [Dim(top + h), Dim(left + w)], axes: [height, width])
    return try context.emit(slice, x)
  }

  /// The largest middle part of the aspect ratio of a target.
  func cutToRatio(
    _ context: inout LayerContext, _ x: ValueID, height targetHeight: Int, width targetWidth: Int, _ layer: String
  ) throws(TypeError) -> ValueID {
    let (h, w) = try sizes(context.type(x), layer)
    let cutHeight = max(min(h, w * targetHeight / targetWidth), 1)
    let cutWidth = max(min(w, h * targetWidth / targetHeight), 1)
    return try cut(
      &context, x, top: (h - cutHeight) / 2, left: (w - cutWidth) / 2, height: cutHeight, width: cutWidth)
  }
}

/// Checks the target size of an image layer.
func checkTarget(_ height: Int, _ width: Int, _ layer: String) throws(TypeError) {
  guard (1...1 << 16).contains(height), (1...1 << 16).contains(width) else {
    throw TypeError("'height' and 'width' of '\(layer)' must be in 1...65536, found \(height) and \(width)")
  }
}
