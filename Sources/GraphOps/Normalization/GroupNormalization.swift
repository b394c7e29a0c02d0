// SPDX-License-Identifier: Apache-2.0
// Normalization of groups of channels of each image.

import GraphIR
import KernelIR
import TensorCore

package struct GroupNormalization: Operation {
  package static let name = "GroupNormalization"
  package static let summary =
    "(x - mean) / sqrt(variance + epsilon) · scale + bias over groups of channels of each image."
  package static let operands = [Slot("X"), Slot("scale"), Slot("bias")]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("num_groups", \.numGroups, "groups that channels are divided into"),
      Attribute("epsilon", \.epsilon, "added to the variance"),
      Attribute("data_format", \.dataFormat, "channels_first (N, C, spatial…) or channels_last (N, spatial…, C)"),
    ]
  }
  package static let accuracy = Accuracy.accumulation
  package var numGroups = 1
  package var epsilon = 1e-5
  package var dataFormat = DataFormat.channelsFirst.rawValue
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'GroupNormalization' needs an operand") }
    let channels = x.shape[try checkChannels(x, operands, dataFormat, for: Self.name)]
    guard numGroups > 0, channels.dividedExactly(by: Dim(numGroups)) != nil else {
      throw TypeError("\(numGroups) groups do not divide the channels of \(x)", operand: 0)
    }
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let scale = operands[1], let bias = operands[2] else {
      throw TypeError("'GroupNormalization' needs three operands")
    }
    _ = try inferTypes(operands.map { $0?.type })
    let channel = try channelAxis(x.type, dataFormat, for: Self.name)
    return [standardized(x, channel, groups: numGroups, epsilon: epsilon, scale.reals, bias.reals)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let channel = try? channelAxis(x, dataFormat, for: Self.name) else { return .leaf }
    let column = x.shape[channel...].enumerated().map { $0.offset == 0 ? $0.element : Dim(1) }
    var split = x.shape
    split[channel] = Dim.floorDiv(x.shape[channel], Dim(numGroups))
    split.insert(Dim(numGroups), at: channel)
    let axes = split.indices.filter { $0 != 0 && $0 != channel }
    return .decompose { [split] builder, operands throws(TypeError) in
      let grouped = try builder.emit(Reshape(exactly: split), try builder.widened(operands[0]))
      let parts = try builder.standardize(grouped, axes, epsilon: epsilon)
      var y = try builder.emit(Reshape(exactly: x.shape), try builder.emit(Mul(), parts.centred, parts.scale))
      y = try builder.emit(Mul(), y, try builder.emit(Reshape(exactly: column), try builder.widened(operands[1])))
      y = try builder.emit(Add(), y, try builder.emit(Reshape(exactly: column), try builder.widened(operands[2])))
      return [try builder.narrowed(y, to: x.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = GroupNormalization()
    operation.numGroups = random.int(1...3)
    if random.bool() { operation.dataFormat = DataFormat.channelsLast.rawValue }
    let channels = operation.numGroups * random.int(1...3)
    let spatial = (0..<random.int(1...2)).map { _ in random.int(2...5) }
    let isLast = operation.dataFormat == DataFormat.channelsLast.rawValue
    let shape = isLast ? [2] + spatial + [channels] : [2, channels] + spatial
    let dtype = random.dtype([.f32, .f64])
    let column = TensorType(dtype, [Dim(channels)])
    return Sample(operation, [TensorType(dtype, shape.map { Dim($0) }), column, column])
  }
}

/// The channel axis, after checking that the other operands are vectors over channels.
func checkChannels(
  _ x: TensorType, _ operands: [TensorType?], _ dataFormat: String, for name: String
) throws(TypeError) -> Int {
  let channel = try channelAxis(x, dataFormat, for: name)
  let wanted = TensorType(x.dtype, [x.shape[channel]])
  for (index, type) in operands.enumerated().dropFirst() where type != wanted {
    throw TypeError(
      "operand \(index) of '\(name)' is \(type.map(\.description) ?? "missing"), expected \(wanted) for the channels "
        + "of \(x)", operand: index)
  }
  return channel
}

/// Each image's groups of channels with mean 0 and variance 1, times scale plus bias of the channel: the definition.
func standardized(
  _ x: Reference, _ channel: Int, groups: Int, epsilon: Double, _ scale: [Double], _ bias: [Double]
) -> Reference {
  var result = x
  let channels = x.shape[channel]
  let inner = x.shape[(channel + 1)...].reduce(1, *)
  let image = x.shape.dropFirst().reduce(1, *)
  let depth = channels / groups
  var members = [[Int]](repeating: [], count: x.shape[0] * groups)
  for position in x.reals.indices {
    let c = position / inner % channels
    members[position / image * groups + c / depth].append(position)
  }
  for group in members where !group.isEmpty {
    let mean = group.reduce(0) { $0 + x.reals[$1] } / Double(group.count)
    let variance = group.reduce(0) { $0 + (x.reals[$1] - mean) * (x.reals[$1] - mean) } / Double(group.count)
    for position in group {
      let c = position / inner % channels
      result.reals[position] = (x.reals[position] - mean) / (variance + epsilon).squareRoot() * scale[c] + bias[c]
    }
  }
  return result
}
