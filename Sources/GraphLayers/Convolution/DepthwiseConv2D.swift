// SPDX-License-Identifier: Apache-2.0
// Convolution of every channel by itself.

import GraphIR
import GraphOps
import TensorCore

package struct DepthwiseConv2D: Layer {
  package static let name = "DepthwiseConv2D"
  package static let summary = "Each input channel convolved with depth_multiplier kernels of its own."
  package static let required = ["kernel_size"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("kernel_size", \.kernelSize, "the window's sizes; one number for both"),
      Attribute("activation", \.activation, "the activation's name"),
      Attribute("strides", \.strides, "the window's steps"),
      Attribute("padding", \.padding, "'valid' or 'same'"),
      Attribute("depth_multiplier", \.depthMultiplier, "output channels for each input channel"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("dilation_rate", \.dilationRate, "distances between the window's elements"),
      Attribute("use_bias", \.useBias, "whether a bias is added"),
      Attribute("depthwise_initializer", \.depthwiseInitializer, "how the kernel starts"),
      Attribute("bias_initializer", \.biasInitializer, "how the bias starts"),
    ]
  }
  package var kernelSize: [Int] = []
  package var activation: String?
  package var strides: [Int] = [1]
  package var padding = "valid"
  package var depthMultiplier = 1
  package var dataFormat = "channels_last"
  package var dilationRate: [Int] = [1]
  package var useBias = true
  package var depthwiseInitializer = "glorot_uniform"
  package var biasInitializer = "zeros"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard let x = inputs[0] else { throw TypeError("'\(Self.name)' needs an input") }
    let window = try SpatialWindow(
      Self.name, rank: 2, context.type(x), size: kernelSize, strides: strides, dilations: dilationRate, padding: padding,
      dataFormat: dataFormat)
    guard depthMultiplier > 0, let channels = window.channels.value, channels > 0 else {
      throw TypeError("'\(Self.name)' needs a known number of channels, found \(context.type(x))", operand: 0)
    }
    let sizes = window.size.map { Dim($0) }
    let kernel = try context.parameter(
      "kernel", sizes + [Dim(channels), Dim(depthMultiplier)], initializer: depthwiseInitializer)
    // Keras keeps [h, w, channels, multiplier]; as a grouped convolution it is [h, w, 1, channels · multiplier].
    let grouped = try context.emit(Reshape(exactly: sizes + [1, Dim(channels * depthMultiplier)]), kernel)
    var conv = Conv()
    window.apply(to: &conv)
    conv.group = channels
    conv.dataFormat = "channels_last"
    let last = window.isChannelsLast ? x : try window.transposed(x, toLast: true, &context)
    var y: ValueID
    if useBias {
      let bias = try context.parameter("bias", [Dim(channels * depthMultiplier)], initializer: biasInitializer)
      y = try context.emit(conv, last, grouped, bias)
    } else {
      y = try context.emit(conv, last, grouped)
    }
    y = try context.activate(activation, y)
    return [LayerOutput("output", window.isChannelsLast ? y : try window.transposed(y, toLast: false, &context))]
  }
}
