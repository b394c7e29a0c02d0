// SPDX-License-Identifier: Apache-2.0
// What Keras' global pooling layers share.

import GraphIR
import GraphOps
import TensorCore

/// The arguments of pooling over whole axes.
package struct GlobalPoolingOptions: Sendable {
  var dataFormat = "channels_last"
  var keepDims = false
}

/// One element of each channel, over some number of axes.
package protocol GlobalPoolingLayer: Layer {
  static var spatialRank: Int { get }
  var options: GlobalPoolingOptions { get set }
  static func pooled(
    _ context: inout LayerContext, _ x: ValueID, _ layout: SpatialLayout, mask: ValueID?, keepDims: Bool
  ) throws(TypeError) -> ValueID
}

extension GlobalPoolingLayer {
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("data_format", \.options.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("keepdims", \.options.keepDims, "whether the spatial axes stay with size 1"),
    ]
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let layout = try SpatialLayout(Self.name, rank: Self.spatialRank, context.type(x), options.dataFormat)
    let mask = context.mask(inputs.count > 1 ? inputs[1] : nil, of: inputs[0])
    return result(try Self.pooled(&context, x, layout, mask: mask, keepDims: options.keepDims))
  }
}
