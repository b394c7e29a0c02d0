// SPDX-License-Identifier: Apache-2.0
// What Keras' adaptive pooling layers share.

import GraphIR
import GraphOps
import TensorCore

/// The arguments of adaptive pooling.
package struct AdaptivePoolingOptions: Sendable {
  var outputSize: [Int] = []
  var dataFormat = "channels_last"
}

/// Pooling to a given number of windows along each of some number of axes.
package protocol AdaptivePoolingLayer: Layer {
  static var spatialRank: Int { get }
  var options: AdaptivePoolingOptions { get set }
  /// One axis reduced to size 1.
  static func reduced(_ context: inout LayerContext, _ x: ValueID, axis: Int) throws(TypeError) -> ValueID
}

extension AdaptivePoolingLayer {
  package static var required: [String] { ["output_size"] }

  package static var arguments: [Attribute<Self>] {
    [
      Attribute("output_size", \.options.outputSize, "the number of windows along each axis; one number for all"),
      Attribute("data_format", \.options.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    var x = try context.floats(operand(inputs))
    let layout = try SpatialLayout(Self.name, rank: Self.spatialRank, context.type(x), options.dataFormat)
    let counts = try layout.perAxis(options.outputSize, "output_size")
    for (axis, count) in zip(layout.spatialAxes, counts) { x = try Self.divided(&context, x, axis: axis, into: count) }
    return result(x)
  }

  /// An axis pooled to `count` windows: window i covers the elements from ⌊i·n/count⌋ up to ⌈(i+1)·n/count⌉.
  private static func divided(
    _ context: inout LayerContext, _ x: ValueID, axis: Int, into count: Int
  ) throws(TypeError) -> ValueID {
    let shape = context.type(x).shape
    if let width = shape[axis].dividedExactly(by: Dim(count)), width != 0 {
      // Windows of one size side by side are an axis of their own.
      let split = Array(shape[..<axis]) + [Dim(count), width] + Array(shape[(axis + 1)...])
      let parts = try context.emit(Reshape(exactly: split), x)
      return try context.emit(Squeeze(axes: [axis + 1]), try reduced(&context, parts, axis: axis + 1))
    }
    guard let size = shape[axis].value, size > 0 else {
      throw TypeError(
        "'\(name)' cannot divide an axis of \(shape[axis]) into \(count) windows: its size must be known, or a multiple "
          + "of \(count)", operand: 0)
    }
    guard count <= 4096, size <= 1 << 31 else {
      throw TypeError("'\(name)' divides into at most 4096 windows of different sizes, found \(count)")
    }
    var windows: [ValueID?] = []
    for window in 0..<count {
      let (start, end) = (window * size / count, ((window + 1) * size + count - 1) / count)
      let part = try context.emit(Slice(axis: axis, from: Dim(start), to: Dim(end)), x)
      windows.append(try reduced(&context, part, axis: axis))
    }
    return try context.builder.emitAny(Concat(axis: axis), windows)[0]
  }
}
