// SPDX-License-Identifier: Apache-2.0
// The gradients of a convolution: a transposed convolution for the input, a sum over all windows for the weights.

import GraphIR
import KernelIR
import TensorCore

extension Conv {
  /// dX = ConvTranspose(G, W), dW = Σ over windows of x · G, dB = Σ G over all but channels.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], let w = context.operands[1] else {
      return context.operands.map { _ in nil }
    }
    let geometry = try geometry(context.type(x), context.type(w))
    var gradients: [ValueID?] = [
      try inputGradient(&context, seed, w, context.type(x), geometry),
      try weightsGradient(&context, seed, x, geometry),
    ]
    if context.operands.count > 2 {
      let channel = geometry.format.channel(rank: context.type(x).rank)
      let others = context.type(seed).shape.indices.filter { $0 != channel }
      gradients.append(
        context.operands[2] == nil ? nil : try context.emit(ReduceSum(axes: others, keepDims: false), seed))
    }
    return gradients
  }

  func inputGradient(
    _ context: inout GradientContext, _ seed: ValueID, _ w: ValueID, _ x: TensorType, _ geometry: Geometry
  ) throws(TypeError) -> ValueID {
    var transposed = ConvTranspose()
    transposed.dataFormat = dataFormat
    transposed.group = group
    transposed.strides = geometry.window.map(\.stride)
    transposed.dilations = geometry.window.map(\.dilation)
    transposed.pads = geometry.window.map(\.before) + geometry.window.map(\.after)
    // What the last window did not reach.
    transposed.outputPadding = geometry.window.map { axis in
      axis.input + axis.before + axis.after - axis.extent - (axis.output - 1) * Dim(axis.stride)
    }
    return try context.emit(transposed, seed, w)
  }

  func weightsGradient(
    _ context: inout GradientContext, _ seed: ValueID, _ x: ValueID, _ geometry: Geometry
  ) throws(TypeError) -> ValueID {
    var operation = ConvWeightsGradient()
    operation.kernelShape = geometry.window.map(\.kernel)
    operation.strides = geometry.window.map(\.stride)
    operation.dilations = geometry.window.map(\.dilation)
    operation.pads = geometry.window.map(\.before) + geometry.window.map(\.after)
    operation.dataFormat = dataFormat
    operation.group = group
    return try context.emit(operation, x, seed)
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let axes = random.int(1...3)
    let kernel = (0..<axes).map { _ in random.int(1...3) }
    var conv = Conv()
    conv.sampleWindow(&random, axes: axes)
    let spatial = kernel.indices.map {
      kernel[$0] * (conv.dilations.isEmpty ? 1 : conv.dilations[$0]) + random.int(0...4)
    }
    conv.group = random.pick([1, 1, 2, 3])
    let (depth, width) = (random.int(1...3), random.int(1...4))
    let batch = random.int(1...2)
    let (channels, filters) = (depth * conv.group, width * conv.group)
    let isFirst = conv.dataFormat == DataFormat.channelsFirst.rawValue
    let x = isFirst ? [batch, channels] + spatial : [batch] + spatial + [channels]
    let w = isFirst ? [filters, depth] + kernel : kernel + [depth, filters]
    let dtype = random.dtype([.f32, .f64])
    var types: [TensorType?] = [TensorType(dtype, x.map { Dim($0) }), TensorType(dtype, w.map { Dim($0) })]
    if random.bool() { types.append(TensorType(dtype, [Dim(filters)])) }
    return Sample(conv, types)
  }
}

extension WindowOperation {
  /// Random strides, dilations, padding and layout.
  mutating func sampleWindow(_ random: inout SampleSource, axes: Int) {
    if random.bool() { strides = (0..<axes).map { _ in random.int(1...3) } }
    if random.int(0...2) == 0 { dilations = (0..<axes).map { _ in random.int(1...2) } }
    switch random.int(0...3) {
    case 0: autoPad = random.pick(["SAME_UPPER", "SAME_LOWER", "VALID"])
    case 1: pads = (0..<2 * axes).map { _ in Dim(random.int(0...2)) }
    default: break
    }
    if random.bool() { dataFormat = DataFormat.channelsLast.rawValue }
  }
}
