// SPDX-License-Identifier: Apache-2.0
// What Keras' pooling layers share.

import GraphIR
import GraphOps
import TensorCore

/// The arguments of pooling over windows.
package struct PoolingOptions: Sendable {
  var poolSize: [Int] = [2]
  var strides: [Int]?
  var padding = "valid"
  var dataFormat = "channels_last"
}

/// One element of each window of each channel, over some number of axes.
package protocol PoolingLayer: Layer {
  static var spatialRank: Int { get }
  var options: PoolingOptions { get set }
  /// The operator, its window still to be set.
  associatedtype Pool: Operation & WindowAttributes & FormattedOperation
}

/// Operators that take channels at the end.
package protocol FormattedOperation {
  var dataFormat: String { get set }
}

extension MaxPool: FormattedOperation {}
extension AveragePool: FormattedOperation {}

extension PoolingLayer {
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("pool_size", \.options.poolSize, "the window's sizes; one number for all"),
      Attribute("strides", \.options.strides, "the window's steps; the window's sizes when not given"),
      Attribute("padding", \.options.padding, "'valid' or 'same'"),
      Attribute("data_format", \.options.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let layout = try SpatialLayout(Self.name, rank: Self.spatialRank, context.type(x), options.dataFormat)
    let window = try SpatialWindow(
      layout, size: options.poolSize, "pool_size", strides: options.strides ?? options.poolSize,
      padding: options.padding)
    var pool = Pool()
    window.apply(to: &pool)
    pool.dataFormat = options.dataFormat
    return result(try context.emit(pool, x))
  }
}
