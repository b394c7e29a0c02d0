// SPDX-License-Identifier: Apache-2.0
// What Keras' convolutions share: kernel sizes, padding by name, channels last or first.

import GraphIR
import GraphOps
import TensorCore

/// The arguments of a convolution.
package struct ConvolutionOptions: Sendable {
  var filters = 0
  var kernelSize: [Int] = []
  var strides: [Int] = [1]
  var padding = "valid"
  var dataFormat = "channels_last"
  var dilationRate: [Int] = [1]
  var groups = 1
  var activation: String?
  var useBias = true
  var kernel = WeightOptions("glorot_uniform")
  var bias = WeightOptions("zeros")
}

/// A convolution of some rank with Keras' arguments.
package protocol ConvolutionLayer: Layer {
  static var spatialRank: Int { get }
  var options: ConvolutionOptions { get set }
}

extension ConvolutionLayer {
  package static var required: [String] { ["filters", "kernel_size"] }

  package static var arguments: [Attribute<Self>] {
    [
      Attribute("filters", \.options.filters, "the number of output channels"),
      Attribute("kernel_size", \.options.kernelSize, "the window's sizes; one number for all"),
      Attribute("activation", \.options.activation, "the activation's name"),
      Attribute("strides", \.options.strides, "the window's steps"),
      Attribute("padding", \.options.padding, "'valid' or 'same'\(spatialRank == 1 ? ", or 'causal'" : "")"),
      Attribute("data_format", \.options.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("dilation_rate", \.options.dilationRate, "distances between the window's elements"),
      Attribute("groups", \.options.groups, "groups that channels are divided into"),
      Attribute("use_bias", \.options.useBias, "whether a bias is added"),
    ] + weight("kernel", \.options.kernel) + weight("bias", \.options.bias)
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let layout = try SpatialLayout(Self.name, rank: Self.spatialRank, context.type(x), options.dataFormat)
    let window = try SpatialWindow(
      layout, size: options.kernelSize, "kernel_size", strides: options.strides, dilations: options.dilationRate,
      padding: options.padding, allowsCausal: true)
    let (filters, groups) = (options.filters, options.groups)
    try atLeastOne(filters, "filters", of: Self.name)
    guard groups > 0, filters % groups == 0, let channels = layout.channels.value, channels % groups == 0 else {
      throw TypeError(
        "'\(Self.name)' cannot divide \(layout.channels) input and \(filters) output channels into \(groups) groups",
        operand: 0)
    }
    let dtype = context.type(x).dtype
    let kernel = try context.parameter(
      "kernel", window.size.map { Dim($0) } + [Dim(channels / groups), Dim(filters)], options.kernel, dtype: dtype)
    let bias = options.useBias ? try context.parameter("bias", [Dim(filters)], options.bias, dtype: dtype) : nil
    // The kernel has Keras' layout, which is channels last; other inputs are turned to it.
    let y = try layout.withChannelsLast(x, &context) { (context, x) throws(TypeError) in
      try context.convolve(x, kernel, bias, window, groups: groups)
    }
    return result(try context.activate(options.activation, y))
  }
}

extension LayerContext {
  /// The convolution of a channels-last input with a kernel [spatial…, channels / groups, filters].
  mutating func convolve(
    _ x: ValueID, _ kernel: ValueID, _ bias: ValueID?, _ window: SpatialWindow, groups: Int
  ) throws(TypeError) -> ValueID {
    var conv = Conv()
    window.apply(to: &conv)
    conv.group = groups
    conv.dataFormat = "channels_last"
    let padded = try window.padded(x, &self)
    return try builder.emitAny(conv, bias == nil ? [padded, kernel] : [padded, kernel, bias])[0]
  }
}

/// Checks a count that must be positive.
func atLeastOne(_ number: Int, _ argument: String, of layer: String) throws(TypeError) {
  guard number > 0 else { throw TypeError("'\(argument)' of '\(layer)' must be at least 1, found \(number)") }
}
