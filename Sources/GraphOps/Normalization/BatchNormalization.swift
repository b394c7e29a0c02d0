// SPDX-License-Identifier: Apache-2.0
// Normalization of each channel by given or batch statistics.

import GraphIR
import KernelIR
import TensorCore

package struct BatchNormalization: Operation {
  package static let name = "BatchNormalization"
  package static let summary =
    "(x - mean) / sqrt(var + epsilon) · scale + B for each channel; in training with the batch's own statistics, "
    + "which also move the running ones."
  package static let operands = [Slot("X"), Slot("scale"), Slot("B"), Slot("input_mean"), Slot("input_var")]
  package static let results = [Slot("Y"), Slot("running_mean", .optional), Slot("running_var", .optional)]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("epsilon", \.epsilon, "added to the variance"),
      Attribute("momentum", \.momentum, "the share of the old running statistics that training keeps"),
      Attribute("training_mode", \.trainingMode, "whether to use the batch's statistics and give running ones"),
      Attribute("data_format", \.dataFormat, "channels_first (N, C, spatial…) or channels_last (N, spatial…, C)"),
    ]
  }
  package static let accuracy = Accuracy.accumulation
  package var epsilon = 1e-5
  package var momentum = 0.9
  package var trainingMode = false
  package var dataFormat = DataFormat.channelsFirst.rawValue
  package init() {}

  package var resultCount: Int { trainingMode ? 3 : 1 }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'BatchNormalization' needs an operand") }
    let channel = try channelAxis(x, dataFormat, for: Self.name)
    let wanted = TensorType(x.dtype, [x.shape[channel]])
    for (index, type) in operands.enumerated().dropFirst() where type != wanted {
      throw TypeError(
        "'\(Self.operands[index].name)' of 'BatchNormalization' is \(type.map(\.description) ?? "missing"), expected "
          + "\(wanted) for the channels of \(x)", operand: index)
    }
    return trainingMode ? [x, wanted, wanted] : [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var x = operands[0], let scale = operands[1], let bias = operands[2], var mean = operands[3],
      var variance = operands[4]
    else { throw TypeError("'BatchNormalization' needs five operands") }
    let channel = try channelAxis(x.type, dataFormat, for: Self.name)
    let channels = x.shape[channel]
    let inner = x.shape[(channel + 1)...].reduce(1, *)
    func channelOf(_ position: Int) -> Int { position / max(inner, 1) % max(channels, 1) }
    var (running, spread) = (mean, variance)
    if trainingMode {
      // Of an empty batch both are NaN, as every mean of nothing.
      let count = Double(x.reals.count / max(channels, 1))
      var (sums, squares) = ([Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels))
      for (position, value) in x.reals.enumerated() { sums[channelOf(position)] += value }
      mean.reals = sums.map { $0 / count }
      for (position, value) in x.reals.enumerated() {
        let difference = value - mean.reals[channelOf(position)]
        squares[channelOf(position)] += difference * difference
      }
      variance.reals = squares.map { $0 / count }
      for c in 0..<channels {
        running.reals[c] = running.reals[c] * momentum + mean.reals[c] * (1 - momentum)
        spread.reals[c] = spread.reals[c] * momentum + variance.reals[c] * (1 - momentum)
      }
    }
    for position in x.reals.indices {
      let c = channelOf(position)
      x.reals[position] =
        (x.reals[position] - mean.reals[c]) / (variance.reals[c] + epsilon).squareRoot() * scale.reals[c]
        + bias.reals[c]
    }
    return trainingMode ? [x, running, spread] : [x]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let channel = try? channelAxis(x, dataFormat, for: Self.name) else { return .leaf }
    // A vector over channels in a shape that broadcasts to x.
    let column = x.shape[channel...].enumerated().map { $0.offset == 0 ? $0.element : Dim(1) }
    return trainingMode ? training(x, channel, column) : inference(x, column)
  }

  /// x · f + (B - mean · f) with f = scale / sqrt(var + epsilon): all but one product and sum is known when the model
  /// is compiled, and folds into a convolution before it.
  private func inference(_ x: TensorType, _ column: [Dim]) -> Lowering {
    .decompose { builder, operands throws(TypeError) in
      let variance = try builder.widened(operands[4])
      let shifted = try builder.emit(Add(), variance, try builder.scalar(epsilon, like: variance))
      let factor = try builder.emit(Div(), try builder.widened(operands[1]), try builder.emit(Sqrt(), shifted))
      let moved = try builder.emit(Mul(), try builder.widened(operands[3]), factor)
      let offset = try builder.emit(Sub(), try builder.widened(operands[2]), moved)
      let scaled = try builder.emit(
        Mul(), try builder.widened(operands[0]), try builder.emit(Reshape(exactly: column), factor))
      let y = try builder.emit(Add(), scaled, try builder.emit(Reshape(exactly: column), offset))
      return [try builder.narrowed(y, to: x.dtype)]
    }
  }

  private func training(_ x: TensorType, _ channel: Int, _ column: [Dim]) -> Lowering {
    let axes = x.shape.indices.filter { $0 != channel }
    return .decompose { builder, operands throws(TypeError) in
      let parts = try builder.standardize(try builder.widened(operands[0]), axes, epsilon: epsilon)
      var y = try builder.emit(Mul(), parts.centred, parts.scale)
      y = try builder.emit(Mul(), y, try builder.emit(Reshape(exactly: column), try builder.widened(operands[1])))
      y = try builder.emit(Add(), y, try builder.emit(Reshape(exactly: column), try builder.widened(operands[2])))
      var results = [try builder.narrowed(y, to: x.dtype)]
      for (old, new) in [(operands[3], parts.mean), (operands[4], parts.variance)] {
        let flat = try builder.emit(Reshape(exactly: [x.shape[channel]]), new)
        let kept = try builder.emit(Mul(), try builder.widened(old), try builder.scalar(momentum, like: flat))
        let added = try builder.emit(Mul(), flat, try builder.scalar(1 - momentum, like: flat))
        results.append(try builder.narrowed(try builder.emit(Add(), kept, added), to: x.dtype))
      }
      return results
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = BatchNormalization()
    operation.trainingMode = random.bool()
    if random.bool() { operation.dataFormat = DataFormat.channelsLast.rawValue }
    let shape = (0..<random.int(2...4)).map { _ in random.int(2...5) }
    let x = TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })
    let channels = operation.dataFormat == DataFormat.channelsLast.rawValue ? shape[shape.count - 1] : shape[1]
    let column = TensorType(x.dtype, [Dim(channels)])
    return Sample(operation, [x, column, column, column, column], ranges: [4: 0.5...2])
  }
}

/// Where the channels of `x` are; a tensor of rank 1 has a single channel axis.
func channelAxis(_ x: TensorType, _ dataFormat: String, for name: String) throws(TypeError) -> Int {
  guard DType.floats.contains(x.dtype) else { throw TypeError("'\(name)' does not take \(x.dtype)", operand: 0) }
  guard x.rank >= 2 else { throw TypeError("'\(name)' needs a batch and a channel axis, found \(x)", operand: 0) }
  return try DataFormat(dataFormat, for: name).channel(rank: x.rank)
}
