// SPDX-License-Identifier: Apache-2.0
// What Keras' transposed convolutions share.

import GraphIR
import GraphOps
import TensorCore

/// The arguments of a transposed convolution.
package struct TransposedConvolutionOptions: Sendable {
  var base = ConvolutionOptions()
  var outputPadding: [Int]?
}

/// A transposed convolution of some rank with Keras' arguments.
package protocol TransposedConvolutionLayer: Layer {
  static var spatialRank: Int { get }
  var options: TransposedConvolutionOptions { get set }
}

extension TransposedConvolutionLayer {
  package static var required: [String] { ["filters", "kernel_size"] }

  package static var arguments: [Attribute<Self>] {
    [
      Attribute("filters", \.options.base.filters, "the number of output channels"),
      Attribute("kernel_size", \.options.base.kernelSize, "the window's sizes; one number for all"),
      Attribute("activation", \.options.base.activation, "the activation's name"),
      Attribute("strides", \.options.base.strides, "the distances of windows in the output"),
      Attribute("padding", \.options.base.padding, "'valid' or 'same'"),
      Attribute(
        "output_padding", \.options.outputPadding, "added at the end of the output; from the strides when not given"),
      Attribute("data_format", \.options.base.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("dilation_rate", \.options.base.dilationRate, "distances between the window's elements"),
      Attribute("use_bias", \.options.base.useBias, "whether a bias is added"),
    ] + weight("kernel", \.options.base.kernel) + weight("bias", \.options.base.bias)
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let base = options.base
    let layout = try SpatialLayout(Self.name, rank: Self.spatialRank, context.type(x), base.dataFormat)
    let window = try SpatialWindow(
      layout, size: base.kernelSize, "kernel_size", strides: base.strides, dilations: base.dilationRate,
      padding: base.padding)
    try atLeastOne(base.filters, "filters", of: Self.name)
    let added = try options.outputPadding.map { (list) throws(TypeError) in
      try layout.perAxis(list, "output_padding", atLeast: 0)
    }
    var operation = ConvTranspose()
    operation.kernelShape = window.size
    operation.strides = window.strides
    operation.dilations = window.dilations
    operation.dataFormat = "channels_last"
    var (starts, ends, output): ([Dim], [Dim], [Dim]) = ([], [], [])
    for axis in 0..<Self.spatialRank {
      let extent = (window.size[axis] - 1) * window.dilations[axis] + 1
      let (start, end) = Self.crops(
        extent, stride: window.strides[axis], isSame: base.padding == "same", added: added?[axis])
      starts.append(Dim(start))
      ends.append(Dim(max(end, 0)))
      output.append(Dim(max(-end, 0)))
    }
    operation.pads = starts + ends
    operation.outputPadding = output
    let dtype = context.type(x).dtype
    let kernel = try context.parameter(
      "kernel", window.size.map { Dim($0) } + [Dim(base.filters), layout.channels], base.kernel, dtype: dtype)
    let bias = base.useBias ? try context.parameter("bias", [Dim(base.filters)], base.bias, dtype: dtype) : nil
    let built = operation
    let y = try layout.withChannelsLast(x, &context) { (context, x) throws(TypeError) in
      let y = try context.emit(built, x, kernel)
      return bias == nil ? y : try context.emit(Add(), y, bias)
    }
    return result(try context.activate(base.activation, y))
  }

  /// What is cut at both ends of all windows laid side by side; a negative end is padding. Without `added` the output
  /// has stride times the input's size ('same'), or every window whole ('valid').
  private static func crops(_ extent: Int, stride: Int, isSame: Bool, added: Int?) -> (start: Int, end: Int) {
    guard isSame else { return (0, -(added ?? max(stride - extent, 0))) }
    let pad = added.map { extent + extent % 2 - 2 + $0 } ?? stride + extent - 2
    let left = min(pad / 2 + pad % 2, extent - 1)
    return (extent - 1 - left, extent - 1 - (pad - left))
  }
}
