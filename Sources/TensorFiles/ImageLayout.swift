// SPDX-License-Identifier: Apache-2.0
// Which axes of a tensor are an image's height, width and channels.

import TensorCore

/// The order of an image's elements in a tensor.
struct ImageLayout: Equatable {
  var channels: Int
  /// Channels before height and width, as ONNX models have them; else behind, as Keras' have them.
  var channelsFirst = false
  /// The whole shape, with batch axes of 1.
  var shape: [Int]

  /// How an image of a size can be what is expected: `[H, W]`, `[H, W, C]`, `[C, H, W]`, each also in a batch of one,
  /// or its pixels in one axis (`[784]`, `[N, 784]`). Nil when its size does not fit.
  static func fitting(_ expected: TensorType, width: Int, height: Int, channels own: Int) -> ImageLayout? {
    var candidates: [ImageLayout] = []
    for channels in [own, 1, 3, 4, 2] {
      candidates.append(ImageLayout(channels: channels, shape: [height, width, channels]))
      candidates.append(ImageLayout(channels: channels, channelsFirst: true, shape: [channels, height, width]))
      candidates.append(ImageLayout(channels: channels, shape: [height * width * channels]))
    }
    candidates.append(ImageLayout(channels: 1, shape: [height, width]))
    // Every named axis would take any channel count, so those with the expected numbers come first.
    for candidate in candidates {
      for batch in 0...1 where expected.rank == candidate.shape.count + batch {
        var layout = candidate
        layout.shape = [Int](repeating: 1, count: batch) + candidate.shape
        if ShapeFitting.fits(layout.shape, expected) { return layout }
      }
    }
    return nil
  }

  /// The layout of a tensor to be written: `[H, W]`, `[H, W, C]` or `[C, H, W]`, behind any axes of 1. Three axes that
  /// could be either have their channels last.
  static func of(_ tensorShape: [Int]) -> (layout: ImageLayout, height: Int, width: Int)? {
    var shape = tensorShape
    while shape.count > 3, shape.first == 1 { shape.removeFirst() }
    switch shape.count {
    case 2: return (ImageLayout(channels: 1, shape: shape), shape[0], shape[1])
    case 3 where (1...4).contains(shape[2]): return (ImageLayout(channels: shape[2], shape: shape), shape[0], shape[1])
    case 3 where (1...4).contains(shape[0]):
      return (ImageLayout(channels: shape[0], channelsFirst: true, shape: shape), shape[1], shape[2])
    default: return nil
    }
  }
}
