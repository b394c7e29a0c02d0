// SPDX-License-Identifier: Apache-2.0
// A transposed convolution as a convolution of the spread input with turned weights, and its gradient.

import GraphIR
import TensorCore

extension ConvTranspose {
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let w = types.operands[1], let geometry = try? geometry(x, w) else { return .leaf }
    let rank = x.rank
    if geometry.format == .channelsFirst {
      var plain = self
      plain.dataFormat = DataFormat.channelsLast.rawValue
      return .decompose { [plain] builder, operands throws(TypeError) in
        let x = try builder.emit(Transpose(perm: DataFormat.toLast(rank: rank)), operands[0])
        let w = try builder.emit(Transpose(perm: Array(2..<rank) + [1, 0]), operands[1])
        let bias = operands.count > 2 ? operands[2] : nil
        let y = try builder.emitAll(plain, bias.map { [x, w, $0] } ?? [x, w])[0]
        return [try builder.emit(Transpose(perm: DataFormat.toFirst(rank: rank)), y)]
      }
    }
    return .decompose { builder, operands throws(TypeError) in
      let input = try spread(&builder, operands[0], x, geometry)
      let weights = try turned(&builder, operands[1], w, geometry)
      var conv = Conv()
      conv.dataFormat = DataFormat.channelsLast.rawValue
      conv.dilations = geometry.window.map(\.dilation)
      conv.group = group
      let y = try builder.emit(conv, input, weights)
      guard operands.count > 2, let bias = operands[2] else { return [y] }
      return [try builder.emit(Add(), y, bias)]
    }
  }

  /// The input with zeros between its elements and around them.
  private func spread(
    _ builder: inout GraphBuilder, _ x: ValueID?, _ type: TensorType, _ geometry: Geometry
  ) throws(TypeError) -> ValueID {
    let window = geometry.window
    var value = x
    if window.contains(where: { $0.stride > 1 }) {
      // [N, H, C] → [N, H, 1, C], padded to [N, H, stride, C] → [N, H · stride, C]
      var (pairs, ends, merged): ([Dim], [Dim], [Dim]) = ([geometry.batch], [0], [geometry.batch])
      for axis in window {
        pairs += [axis.output, 1]
        ends += [0, Dim(axis.stride - 1)]
        merged.append(axis.output * Dim(axis.stride))
      }
      value = try builder.emit(Reshape(exactly: pairs + [geometry.channels]), value)
      value = try builder.emit(Pad(pads: ends.map { _ in 0 } + [0] + ends + [0]), value)
      value = try builder.emit(Reshape(exactly: merged + [geometry.channels]), value)
    }
    let before = window.map { $0.extent - 1 - $0.before }
    // Every window must reach every output, so the ends follow from the output's size.
    let after = window.indices.map { axis in
      window[axis].input + window[axis].extent - 1 - before[axis] - window[axis].output * Dim(window[axis].stride)
    }
    return try builder.emit(Pad(pads: [0] + before + [0, 0] + after + [0]), value)
  }

  /// `[k…, M/group, C]` as the weights `[k…, C/group, M]` of a convolution, in reverse along k.
  private func turned(
    _ builder: inout GraphBuilder, _ w: ValueID?, _ type: TensorType, _ geometry: Geometry
  ) throws(TypeError) -> ValueID {
    let kernel = Array(type.shape.dropLast(2))
    let count = kernel.count
    let (width, depth) = (type.shape[count], Dim.floorDiv(geometry.channels, Dim(group)))
    let split = try builder.emit(Reshape(exactly: kernel + [width, Dim(group), depth]), w)
    let swapped = try builder.emit(Transpose(perm: Array(0..<count) + [count + 2, count + 1, count]), split)
    let merged = try builder.emit(Reshape(exactly: kernel + [depth, geometry.filters]), swapped)
    let reversed = Slice(
      starts: kernel.map { _ in -1 }, ends: kernel.map { _ in Dim(Int(Int32.min)) }, axes: Array(0..<count),
      steps: kernel.map { _ in -1 })
    return try builder.emit(reversed, merged)
  }

  /// dX = Conv(G, W), dW = the weights' gradient of that convolution with G as input and X as output gradient.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], let w = context.operands[1] else {
      return context.operands.map { _ in nil }
    }
    let geometry = try geometry(context.type(x), context.type(w))
    var conv = Conv()
    conv.dataFormat = dataFormat
    conv.group = group
    conv.strides = geometry.window.map(\.stride)
    conv.dilations = geometry.window.map(\.dilation)
    conv.pads = geometry.window.map(\.before) + geometry.window.map(\.after)
    let forward = try conv.geometry(context.type(seed), context.type(w))
    var gradients: [ValueID?] = [
      try context.emit(conv, seed, w), try conv.weightsGradient(&context, x, seed, forward),
    ]
    if context.operands.count > 2 {
      let channel = geometry.format.channel(rank: context.type(x).rank)
      let others = context.type(seed).shape.indices.filter { $0 != channel }
      gradients.append(
        context.operands[2] == nil ? nil : try context.emit(ReduceSum(axes: others, keepDims: false), seed))
    }
    return gradients
  }
}
