// SPDX-License-Identifier: Apache-2.0
// Normalization of each channel of each image.

import GraphIR
import KernelIR
import TensorCore

package struct InstanceNormalization: Operation {
  package static let name = "InstanceNormalization"
  package static let summary =
    "(x - mean) / sqrt(variance + epsilon) · scale + B over the spatial axes of each channel and image."
  package static let operands = [Slot("input"), Slot("scale"), Slot("B")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("epsilon", \.epsilon, "added to the variance"),
      Attribute("data_format", \.dataFormat, "channels_first (N, C, spatial…) or channels_last (N, spatial…, C)"),
    ]
  }
  package static let accuracy = Accuracy.accumulation
  package var epsilon = 1e-5
  package var dataFormat = DataFormat.channelsFirst.rawValue
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'InstanceNormalization' needs an operand") }
    _ = try checkChannels(x, operands, dataFormat, for: Self.name)
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let scale = operands[1], let bias = operands[2] else {
      throw TypeError("'InstanceNormalization' needs three operands")
    }
    let channel = try checkChannels(x.type, operands.map { $0?.type }, dataFormat, for: Self.name)
    return [standardized(x, channel, groups: x.shape[channel], epsilon: epsilon, scale.reals, bias.reals)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let channel = try? channelAxis(x, dataFormat, for: Self.name) else { return .leaf }
    let column = x.shape[channel...].enumerated().map { $0.offset == 0 ? $0.element : Dim(1) }
    let axes = x.shape.indices.filter { $0 != 0 && $0 != channel }
    return .decompose { builder, operands throws(TypeError) in
      let parts = try builder.standardize(try builder.widened(operands[0]), axes, epsilon: epsilon)
      var y = try builder.emit(Mul(), parts.centred, parts.scale)
      y = try builder.emit(Mul(), y, try builder.emit(Reshape(exactly: column), try builder.widened(operands[1])))
      y = try builder.emit(Add(), y, try builder.emit(Reshape(exactly: column), try builder.widened(operands[2])))
      return [try builder.narrowed(y, to: x.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var sample = GroupNormalization.sample(&random)
    var operation = InstanceNormalization()
    operation.dataFormat = (sample.operation as? GroupNormalization)?.dataFormat ?? operation.dataFormat
    sample.operation = operation
    return sample
  }
}
