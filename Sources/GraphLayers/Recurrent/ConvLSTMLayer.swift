// SPDX-License-Identifier: Apache-2.0
// What Keras' convolutional LSTMs share: gates are convolutions of images instead of products of vectors.

import GraphIR
import GraphOps
import TensorCore

/// A long short-term memory over steps that are images of some rank.
package protocol ConvLSTMLayer: RecurrentLayer {
  static var spatialRank: Int { get }
  var convolution: ConvolutionOptions { get set }
  var unitForgetBias: Bool { get set }
}

extension ConvLSTMLayer {
  package static var required: [String] { ["filters", "kernel_size"] }
  package static var states: [String] { ["hidden", "cell"] }

  package static var arguments: [Attribute<Self>] {
    [
      Attribute("filters", \.convolution.filters, "the number of output channels"),
      Attribute("kernel_size", \.convolution.kernelSize, "the window's sizes; one number for all"),
      Attribute("activation", \.options.activation, "the activation of the state"),
      Attribute("strides", \.convolution.strides, "the window's steps over the inputs"),
      Attribute("padding", \.convolution.padding, "'valid' or 'same'"),
      Attribute("data_format", \.convolution.dataFormat, "'channels_last' or 'channels_first'"),
      Attribute("dilation_rate", \.convolution.dilationRate, "distances between the window's elements"),
      Attribute("recurrent_activation", \.options.recurrentActivation, "the activation of the gates"),
      Attribute("use_bias", \.options.useBias, "whether biases are added"),
      Attribute("unit_forget_bias", \.unitForgetBias, "whether the forget gate's bias starts at one"),
    ] + weight("kernel", \.options.kernel) + weight("recurrent", \.options.recurrent) + weight("bias", \.options.bias)
      + sequenceArguments
  }

  /// Channels are last inside: images with channels first are turned, and what comes out is turned back.
  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard convolution.dataFormat == "channels_first" else { return try buildRecurrent(&context, inputs) }
    var turned = inputs
    for place in 0...Self.states.count {
      guard let value = inputs[place] else { continue }
      turned[place] = try context.emit(Transpose(perm: turning(context.type(value).rank, channelsLast: true)), value)
    }
    if let x = inputs[0], let mask = context.masks[x], let moved = turned[0] { context.masks[moved] = mask }
    var inner = self
    inner.convolution.dataFormat = "channels_last"
    var results: [LayerOutput] = []
    for output in try inner.buildRecurrent(&context, turned) {
      let order = turning(context.type(output.value).rank, channelsLast: false)
      let value = try context.emit(Transpose(perm: order), output.value)
      context.masks[value] = context.masks[output.value]
      results.append(LayerOutput(output.name, value))
    }
    return results
  }

  /// The order of axes that moves the channels behind the spatial axes, or before them.
  private func turning(_ rank: Int, channelsLast: Bool) -> [Int] {
    let first = max(0, rank - Self.spatialRank - 1)
    let image = Array(first..<rank)
    return Array(0..<first) + (channelsLast ? image.dropFirst() + image.prefix(1) : image.suffix(1) + image.dropLast())
  }

  package func prepare(_ context: inout LayerContext, _ x: ValueID) throws(TypeError) -> RecurrentPreparation {
    let type = context.type(x)
    guard type.rank == Self.spatialRank + 3 else {
      throw TypeError(
        "'\(Self.name)' needs an input [N, steps, \(Self.spatialRank) spatial axes, channels], found \(type)",
        operand: 0)
    }
    guard convolution.dataFormat == "channels_last" else {
      throw TypeError(
        "'data_format' of '\(Self.name)' must be 'channels_last' or, outside other layers, 'channels_first', found "
          + "'\(convolution.dataFormat)'", note: "turn the input with Permute")
    }
    try atLeastOne(convolution.filters, "filters", of: Self.name)
    let dtype = type.dtype
    // All steps are one batch for the convolution of the inputs.
    let flat = try context.emit(Reshape(exactly: [type.shape[0] * type.shape[1]] + type.shape[2...]), x)
    let layout = try SpatialLayout(Self.name, rank: Self.spatialRank, context.type(flat), convolution.dataFormat)
    let window = try SpatialWindow(
      layout, size: convolution.kernelSize, "kernel_size", strides: convolution.strides,
      dilations: convolution.dilationRate, padding: convolution.padding)
    let sizes = window.size.map { Dim($0) }
    let columns = 4 * Dim(convolution.filters)
    let kernel = try context.parameter("kernel", sizes + [layout.channels, columns], options.kernel, dtype: dtype)
    let recurrent = try context.parameter(
      "recurrent_kernel", sizes + [Dim(convolution.filters), columns], options.recurrent, dtype: dtype)
    let bias =
      options.useBias
      ? try context.parameter("bias", [columns], options.bias.forgetting(unitForgetBias), dtype: dtype) : nil
    let sums = try context.convolve(flat, kernel, bias, window, groups: 1)
    let image = Array(context.type(sums).shape[1...])
    let inputs = try context.emit(Reshape(exactly: [type.shape[0], type.shape[1]] + image), sums)
    return RecurrentPreparation(
      inputs: inputs, weights: [recurrent], state: image.dropLast() + [Dim(convolution.filters)])
  }

  package func step(
    _ cell: inout LayerContext, _ input: ValueID, _ states: [ValueID], _ weights: [ValueID]
  ) throws(TypeError) -> [ValueID] {
    var conv = Conv()
    conv.autoPad = "SAME_UPPER"
    conv.dataFormat = "channels_last"
    let sums = try cell.emit(Add(), input, try cell.emit(conv, states[0], weights[0]))
    let parts = try cell.builder.emitAll(Split(axis: cell.type(sums).rank - 1, into: 4), [sums])
    return try cell.memoryStep(parts, states[1], options)
  }
}
