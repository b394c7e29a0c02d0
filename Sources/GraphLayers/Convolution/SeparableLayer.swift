// SPDX-License-Identifier: Apache-2.0
// What Keras' separable convolutions share: each channel by itself, then all channels at each place.

import GraphIR
import GraphOps
import TensorCore

/// The arguments of a separable convolution.
package struct SeparableOptions: Sendable {
  var filters = 0
  var depthwise = DepthwiseOptions()
  var pointwise = WeightOptions("glorot_uniform")
}

/// A depthwise convolution followed by one of windows of size 1, of some rank.
package protocol SeparableLayer: Layer {
  static var spatialRank: Int { get }
  var options: SeparableOptions { get set }
}

extension SeparableLayer {
  package static var required: [String] { ["filters", "kernel_size"] }

  package static var arguments: [Attribute<Self>] {
    [
      Attribute("filters", \.options.filters, "the number of output channels"),
      Attribute("kernel_size", \.options.depthwise.kernelSize, "the window's sizes; one number for all"),
      Attribute("activation", \.options.depthwise.activation, "the activation's name"),
      Attribute("strides", \.options.depthwise.strides, "the window's steps"),
      Attribute("padding", \.options.depthwise.padding, "'valid' or 'same'"),
      Attribute("data_format", \.options.depthwise.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("dilation_rate", \.options.depthwise.dilationRate, "distances between the window's elements"),
      Attribute("depth_multiplier", \.options.depthwise.depthMultiplier, "kernels for each input channel"),
      Attribute("use_bias", \.options.depthwise.useBias, "whether a bias is added"),
    ] + weight("depthwise", \.options.depthwise.depthwise) + weight("pointwise", \.options.pointwise)
      + weight("bias", \.options.depthwise.bias)
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let depthwise = options.depthwise
    let layout = try SpatialLayout(Self.name, rank: Self.spatialRank, context.type(x), depthwise.dataFormat)
    let window = try SpatialWindow(
      layout, size: depthwise.kernelSize, "kernel_size", strides: depthwise.strides, dilations: depthwise.dilationRate,
      padding: depthwise.padding)
    try atLeastOne(options.filters, "filters", of: Self.name)
    let y = try layout.withChannelsLast(x, &context) { (context, x) throws(TypeError) in
      let dtype = context.type(x).dtype
      let middle = try context.convolveDepthwise(
        x, layout, window, multiplier: depthwise.depthMultiplier, "depthwise_kernel", depthwise.depthwise)
      let channels = try context.features(middle, of: Self.name)
      let ones = [Int](repeating: 1, count: Self.spatialRank)
      let pointwise = try context.parameter(
        "pointwise_kernel", ones.map { Dim($0) } + [channels, Dim(options.filters)], options.pointwise, dtype: dtype)
      let point = try SpatialWindow(layout, size: ones, "kernel_size", strides: ones, padding: "valid")
      let bias =
        depthwise.useBias
        ? try context.parameter("bias", [Dim(options.filters)], depthwise.bias, dtype: dtype) : nil
      return try context.convolve(middle, pointwise, bias, point, groups: 1)
    }
    return result(try context.activate(depthwise.activation, y))
  }
}
