// SPDX-License-Identifier: Apache-2.0
// Transposed convolution: the gradient of a convolution as an operator of its own.

import GraphIR
import KernelIR
import TensorCore

package struct ConvTranspose: WindowOperation {
  package static let name = "ConvTranspose"
  package static let summary =
    "Transposed convolution: each input adds its multiple of the weights to a window of the output. Weights are "
    + "[C, M/group, spatial…] with channels_first and [spatial…, M/group, C] with channels_last."
  package static let operands = [Slot("X"), Slot("W"), Slot("B", .optional)]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    windowAttributes(except: ["ceil_mode"]) + [
      Attribute("group", \.group, "groups that channels are divided into"),
      Attribute("output_padding", \.outputPadding, "added at the end of each spatial axis of the output"),
      Attribute("output_shape", \.outputShape, "the output's spatial sizes; padding follows from them"),
    ]
  }
  package static let accuracy = Accuracy.accumulation

  package var windowOptions = WindowOptions()
  package var group = 1
  package var outputPadding: [Dim] = []
  package var outputShape: [Dim] = []
  package init() {}

  /// The convolution that this is the transpose of: its input is this one's output, its windows are this one's inputs.
  struct Geometry {
    var format: DataFormat
    var batch: Dim
    var channels: Dim
    var filters: Dim
    var window: [WindowAxis]
    var output: [Dim] { format.shape(batch, filters, window.map(\.input)) }
  }

  func geometry(_ x: TensorType, _ w: TensorType) throws(TypeError) -> Geometry {
    let format = try format()
    guard (3...5).contains(x.rank), w.rank == x.rank else {
      throw TypeError(
        "'ConvTranspose' takes 1 to 3 spatial axes and weights of the same rank, found \(x) and \(w)", operand: 1)
    }
    let isLast = format == .channelsLast
    let kernel = w.shape[isLast ? 0..<w.rank - 2 : 2..<w.rank].compactMap(\.value)
    guard kernel.count == x.rank - 2, kernel.allSatisfy({ $0 > 0 }) else {
      throw TypeError("the window sizes of the weights \(w) of 'ConvTranspose' must be numbers above 0", operand: 1)
    }
    guard kernelShape.isEmpty || kernelShape == kernel else {
      throw TypeError("'kernel_shape' of 'ConvTranspose' is \(kernelShape), the weights are \(w)", operand: 1)
    }
    let channels = x.shape[format.channel(rank: x.rank)]
    guard w.shape[isLast ? w.rank - 1 : 0] == channels else {
      throw TypeError("'ConvTranspose' has \(channels) input channels, its weights are \(w)", operand: 1)
    }
    guard group > 0, channels.dividedExactly(by: Dim(group)) != nil else {
      throw TypeError("'ConvTranspose' has \(channels) input channels, which \(group) groups do not divide", operand: 1)
    }
    let sizes = Array(x.shape[format.spatial(rank: x.rank)])
    return Geometry(
      format: format, batch: x.shape[0], channels: channels, filters: w.shape[isLast ? w.rank - 2 : 1] * Dim(group),
      window: try placed(sizes, kernel: kernel))
  }

  /// Padding and output sizes.
  private func placed(_ sizes: [Dim], kernel: [Int]) throws(TypeError) -> [WindowAxis] {
    let count = sizes.count
    let strides = try perAxis(self.strides, "strides", count: count)
    let dilations = try perAxis(self.dilations, "dilations", count: count)
    guard ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"].contains(autoPad) else {
      throw TypeError(
        "'auto_pad' of 'ConvTranspose' is '\(autoPad)'", note: "it is NOTSET, SAME_UPPER, SAME_LOWER or VALID")
    }
    for (name, list, wanted) in [
      ("pads", pads, 2 * count), ("output_padding", outputPadding, count), ("output_shape", outputShape, count),
    ] where !list.isEmpty && list.count != wanted {
      throw TypeError("'\(name)' of 'ConvTranspose' has \(list.count) numbers, expected \(wanted)")
    }
    var axes: [WindowAxis] = []
    for axis in 0..<count {
      var window = WindowAxis(
        input: 0, kernel: kernel[axis], stride: strides[axis], dilation: dilations[axis], before: 0, after: 0,
        output: sizes[axis])
      let stride = Dim(window.stride)
      let full = stride * (sizes[axis] - 1) + (outputPadding.isEmpty ? 0 : outputPadding[axis]) + window.extent
      let isSame = autoPad.hasPrefix("SAME")
      if isSame || !outputShape.isEmpty {
        window.input = outputShape.isEmpty ? sizes[axis] * stride : outputShape[axis]
        // An output larger than all windows together is padded with zeros at its end.
        let total = Dim.max(full - window.input, 0)
        let half = Dim.floorDiv(total, 2)
        (window.before, window.after) = autoPad == "SAME_UPPER" ? (half, total - half) : (total - half, half)
      } else {
        if autoPad == "NOTSET" && !pads.isEmpty { (window.before, window.after) = (pads[axis], pads[count + axis]) }
        window.input = full - window.before - window.after
      }
      guard window.input.isValid, (window.input.value ?? 0) >= 0, (window.before.value ?? 0) >= 0,
        (window.after.value ?? 0) >= 0
      else {
        throw TypeError("spatial axis \(axis) of 'ConvTranspose' would have \(window.input) elements")
      }
      let rest = window.input + window.before + window.after - window.extent - stride * (sizes[axis] - 1)
      if let rest = rest.value, rest < 0 || rest >= window.stride {
        throw TypeError(
          "spatial axis \(axis) of 'ConvTranspose' would end \(rest) elements after its last window, expected 0 to "
            + "\(window.stride - 1)", note: "'output_padding' must be smaller than the stride")
      }
      axes.append(window)
    }
    return axes
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let w = operands[1] else {
      throw TypeError("'ConvTranspose' needs an input and weights")
    }
    guard DType.floats.contains(x.dtype) else {
      throw TypeError("'ConvTranspose' does not take \(x.dtype)", operand: 0)
    }
    guard x.dtype == w.dtype else {
      throw TypeError("'ConvTranspose' needs operands of one element type, found \(x.dtype) and \(w.dtype)", operand: 1)
    }
    let geometry = try geometry(x, w)
    if operands.count > 2, let b = operands[2], b != TensorType(x.dtype, [geometry.filters]) {
      throw TypeError(
        "the bias of 'ConvTranspose' is \(b), expected \(TensorType(x.dtype, [geometry.filters]))", operand: 2)
    }
    return [TensorType(x.dtype, geometry.output)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let w = operands[1] else {
      throw TypeError("'ConvTranspose' needs an input and weights")
    }
    let bias = operands.count > 2 ? operands[2] : nil
    _ = try inferTypes([x.type, w.type, bias?.type])
    let geometry = try geometry(x.type, w.type)
    guard let window = BoundWindow(geometry.window), let channels = geometry.channels.value,
      let filters = geometry.filters.value
    else { throw TypeError("'ConvTranspose' has unknown sizes") }
    let rank = x.shape.count
    let isFirst = geometry.format == .channelsFirst
    let input = isFirst ? x.permuted(DataFormat.toLast(rank: rank)) : x
    let weights = isFirst ? w.permuted(Array(2..<rank) + [1, 0]) : w
    let (depth, width) = (channels / group, filters / group)
    let (area, outputArea) = (window.output.reduce(1, *), window.input.reduce(1, *))
    var result = Reference(zeros: x.dtype, [x.shape[0]] + window.input + [filters])
    forEachIndex(window.output) { place, o in
      forEachIndex(window.kernel) { tap, k in
        guard let target = window.position(o, k) else { return }
        for n in 0..<x.shape[0] {
          for c in 0..<channels {
            let value = input.reals[(n * area + place) * channels + c]
            let to = (n * outputArea + target) * filters + c / depth * width
            for m in 0..<width { result.reals[to + m] += value * weights.reals[(tap * width + m) * channels + c] }
          }
        }
      }
    }
    if let bias { for index in result.reals.indices { result.reals[index] += bias.reals[index % filters] } }
    return [isFirst ? result.permuted(DataFormat.toFirst(rank: rank)) : result]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let axes = random.int(1...2)
    let kernel = (0..<axes).map { _ in random.int(1...3) }
    var operation = ConvTranspose()
    operation.strides = (0..<axes).map { _ in random.int(1...3) }
    if random.bool() { operation.dilations = (0..<axes).map { _ in random.int(1...2) } }
    let dilations = operation.dilations.isEmpty ? kernel.map { _ in 1 } : operation.dilations
    let spatial = kernel.map { _ in random.int(1...4) }
    switch random.int(0...2) {
    case 0: operation.outputPadding = operation.strides.map { Dim(random.int(0...$0 - 1)) }
    case 1:
      // As much padding as leaves something of the output.
      let room = kernel.indices.map { operation.strides[$0] * (spatial[$0] - 1) + (kernel[$0] - 1) * dilations[$0] }
      operation.pads = room.map { Dim(Swift.min(1, $0 / 2)) } + room.map { Dim(Swift.min(2, $0 / 2)) }
    default: operation.autoPad = random.pick(["SAME_UPPER", "SAME_LOWER"])
    }
    operation.group = random.pick([1, 1, 2])
    if random.bool() { operation.dataFormat = DataFormat.channelsLast.rawValue }
    let (depth, width, batch) = (random.int(1...3), random.int(1...3), random.int(1...2))
    let (channels, filters) = (depth * operation.group, width * operation.group)
    let isFirst = operation.dataFormat == DataFormat.channelsFirst.rawValue
    let x = isFirst ? [batch, channels] + spatial : [batch] + spatial + [channels]
    let w = isFirst ? [channels, width] + kernel : kernel + [width, channels]
    let dtype = random.dtype([.f32, .f64])
    var types: [TensorType?] = [TensorType(dtype, x.map { Dim($0) }), TensorType(dtype, w.map { Dim($0) })]
    if random.bool() { types.append(TensorType(dtype, [Dim(filters)])) }
    return Sample(operation, types)
  }
}
