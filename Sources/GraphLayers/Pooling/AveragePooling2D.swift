// SPDX-License-Identifier: Apache-2.0
// The mean of windows over two axes.

import GraphIR
import GraphOps
import TensorCore

package struct AveragePooling2D: Layer {
  package static let name = "AveragePooling2D"
  package static let summary = "The mean (padding left out) of each window of [N, height, width, channels]."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("pool_size", \.poolSize, "the window's sizes; one number for both"),
      Attribute("strides", \.strides, "the window's steps; the window's sizes when not given"),
      Attribute("padding", \.padding, "'valid' or 'same'"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var poolSize: [Int] = [2, 2]
  package var strides: [Int]?
  package var padding = "valid"
  package var dataFormat = "channels_last"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard let x = inputs[0] else { throw TypeError("'\(Self.name)' needs an input") }
    let window = try SpatialWindow(
      Self.name, rank: 2, context.type(x), size: poolSize, strides: strides ?? poolSize, padding: padding,
      dataFormat: dataFormat)
    var pool = AveragePool()
    window.apply(to: &pool)
    pool.dataFormat = dataFormat
    return [LayerOutput("output", try context.emit(pool, x))]
  }
}
