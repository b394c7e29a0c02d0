// SPDX-License-Identifier: Apache-2.0
// What Keras' convolutions share: kernel sizes, padding by name, channels last or first.

import GraphIR
import GraphOps
import TensorCore

/// A convolution of some rank with Keras' arguments.
package protocol ConvolutionLayer: Layer {
  static var spatialRank: Int { get }
  var filters: Int { get set }
  var kernelSize: [Int] { get set }
  var strides: [Int] { get set }
  var padding: String { get set }
  var dataFormat: String { get set }
  var dilationRate: [Int] { get set }
  var groups: Int { get set }
  var activation: String? { get set }
  var useBias: Bool { get set }
  var kernelInitializer: String { get set }
  var biasInitializer: String { get set }
}

extension ConvolutionLayer {
  package static var required: [String] { ["filters", "kernel_size"] }

  package static func convolutionArguments() -> [Attribute<Self>] {
    [
      Attribute("filters", \.filters, "the number of output channels"),
      Attribute("kernel_size", \.kernelSize, "the window's sizes; one number for all"),
      Attribute("activation", \.activation, "the activation's name"),
      Attribute("strides", \.strides, "the window's steps"),
      Attribute("padding", \.padding, "'valid' or 'same'"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("dilation_rate", \.dilationRate, "distances between the window's elements"),
      Attribute("groups", \.groups, "groups that channels are divided into"),
      Attribute("use_bias", \.useBias, "whether a bias is added"),
      Attribute("kernel_initializer", \.kernelInitializer, "how the kernel starts"),
      Attribute("bias_initializer", \.biasInitializer, "how the bias starts"),
    ]
  }

  package static var arguments: [Attribute<Self>] { convolutionArguments() }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard var x = inputs[0] else { throw TypeError("'\(Self.name)' needs an input") }
    let window = try SpatialWindow(
      Self.name, rank: Self.spatialRank, context.type(x), size: kernelSize, strides: strides, dilations: dilationRate,
      padding: padding, dataFormat: dataFormat)
    guard filters > 0 else { throw TypeError("'filters' of '\(Self.name)' must be at least 1, found \(filters)") }
    guard groups > 0, filters % groups == 0, let channels = window.channels.value, channels % groups == 0 else {
      throw TypeError(
        "'\(Self.name)' cannot divide \(window.channels) input and \(filters) output channels into \(groups) groups",
        operand: 0)
    }
    let kernel = try context.parameter(
      "kernel", window.size.map { Dim($0) } + [Dim(channels / groups), Dim(filters)], initializer: kernelInitializer)
    x = try window.padded(x, &context)
    var conv = Conv()
    window.apply(to: &conv)
    conv.group = groups
    conv.dataFormat = "channels_last"
    // The kernel has Keras' layout, which is channels last; other inputs are turned to it.
    let last = window.isChannelsLast ? x : try window.transposed(x, toLast: true, &context)
    var y: ValueID
    if useBias {
      let bias = try context.parameter("bias", [Dim(filters)], initializer: biasInitializer)
      y = try context.emit(conv, last, kernel, bias)
    } else {
      y = try context.emit(conv, last, kernel)
    }
    y = try context.activate(activation, y)
    return [LayerOutput("output", window.isChannelsLast ? y : try window.transposed(y, toLast: false, &context))]
  }
}
