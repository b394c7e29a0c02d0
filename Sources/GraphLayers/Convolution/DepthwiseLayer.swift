// SPDX-License-Identifier: Apache-2.0
// What Keras' depthwise convolutions share.

import GraphIR
import GraphOps
import TensorCore

/// The arguments of a depthwise convolution.
package struct DepthwiseOptions: Sendable {
  var kernelSize: [Int] = []
  var strides: [Int] = [1]
  var padding = "valid"
  var depthMultiplier = 1
  var dataFormat = "channels_last"
  var dilationRate: [Int] = [1]
  var activation: String?
  var useBias = true
  var depthwise = WeightOptions("glorot_uniform")
  var bias = WeightOptions("zeros")
}

/// A convolution of every channel by itself, of some rank.
package protocol DepthwiseLayer: Layer {
  static var spatialRank: Int { get }
  var options: DepthwiseOptions { get set }
}

extension DepthwiseLayer {
  package static var required: [String] { ["kernel_size"] }

  package static var arguments: [Attribute<Self>] {
    [
      Attribute("kernel_size", \.options.kernelSize, "the window's sizes; one number for all"),
      Attribute("activation", \.options.activation, "the activation's name"),
      Attribute("strides", \.options.strides, "the window's steps"),
      Attribute("padding", \.options.padding, "'valid' or 'same'"),
      Attribute("depth_multiplier", \.options.depthMultiplier, "output channels for each input channel"),
      Attribute("data_format", \.options.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("dilation_rate", \.options.dilationRate, "distances between the window's elements"),
      Attribute("use_bias", \.options.useBias, "whether a bias is added"),
    ] + weight("depthwise", \.options.depthwise) + weight("bias", \.options.bias)
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let layout = try SpatialLayout(Self.name, rank: Self.spatialRank, context.type(x), options.dataFormat)
    let window = try SpatialWindow(
      layout, size: options.kernelSize, "kernel_size", strides: options.strides, dilations: options.dilationRate,
      padding: options.padding)
    let y = try layout.withChannelsLast(x, &context) { (context, x) throws(TypeError) in
      let y = try context.convolveDepthwise(
        x, layout, window, multiplier: options.depthMultiplier, "kernel", options.depthwise)
      if !options.useBias { return y }
      let outputs = try context.features(y, of: Self.name)
      let bias = try context.parameter("bias", [outputs], options.bias, dtype: context.type(x).dtype)
      return try context.emit(Add(), y, bias)
    }
    return result(try context.activate(options.activation, y))
  }
}

extension LayerContext {
  /// Each channel of a channels-last input convolved with `multiplier` kernels of its own, which are a parameter.
  mutating func convolveDepthwise(
    _ x: ValueID, _ layout: SpatialLayout, _ window: SpatialWindow, multiplier: Int, _ name: String,
    _ options: WeightOptions
  ) throws(TypeError) -> ValueID {
    try atLeastOne(multiplier, "depth_multiplier", of: layout.layer)
    guard let channels = layout.channels.value, channels > 0,
      let outputs = Optional(channels.multipliedReportingOverflow(by: multiplier)), !outputs.overflow
    else { throw TypeError("'\(layout.layer)' needs a known number of channels, found \(type(x))", operand: 0) }
    let sizes = window.size.map { Dim($0) }
    let kernel = try parameter(name, sizes + [Dim(channels), Dim(multiplier)], options, dtype: type(x).dtype)
    // Keras keeps [spatial…, channels, multiplier]; a grouped convolution has [spatial…, 1, channels · multiplier].
    let grouped = try emit(Reshape(exactly: sizes + [1, Dim(outputs.partialValue)]), kernel)
    return try convolve(x, grouped, nil, window, groups: channels)
  }
}
