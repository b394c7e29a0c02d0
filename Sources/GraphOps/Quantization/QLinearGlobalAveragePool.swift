// SPDX-License-Identifier: Apache-2.0
// Means of quantised images.

import GraphIR
import TensorCore

package struct QLinearGlobalAveragePool: Operation {
  package static let name = "QLinearGlobalAveragePool"
  /// Where the exact value lies between two steps, f32 may decide for the other one.
  package static let accuracy = Accuracy.ulps(1)
  package static let summary = "The mean of each channel of a dequantised image, quantised again."
  package static let operands = [
    Slot("X"), Slot("x_scale"), Slot("x_zero_point"), Slot("y_scale"), Slot("y_zero_point"),
  ]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("channels_last", \.channelsLast, "whether images are [N, spatial…, C]")]
  }
  package var channelsLast = false
  package init() {}

  private func mean(_ rank: Int) -> ReduceMean {
    ReduceMean(axes: channelsLast ? Array(1..<rank - 1) : Array(2..<rank))
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let scale = operands[1], scale.elementCount == 1, x.rank >= 3 else {
      throw TypeError("'QLinearGlobalAveragePool' needs an image and its scale")
    }
    let float = try DequantizeLinear(axis: 0).inferTypes([x, scale, operands[2]])[0]
    return try quantizedResult(
      try mean(x.rank).inferTypes([float])[0], operands[3], operands[4], like: x, for: Self.name)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let type = try inferTypes(operands.map { $0?.type })[0]
    return [try requantized(try mean(type.rank).evaluate([dequantized(operands, 0)])[0], operands, 3, type.dtype)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let type = types.results[0]
    return .decompose { builder, operands throws(TypeError) in
      let float = try builder.emit(DequantizeLinear(axis: 0), operands[0], operands[1], operands[2])
      let mean = try builder.emit(mean(type.rank), float)
      return [try builder.emit(QuantizeLinear(type.dtype, axis: 0), mean, operands[3], operands[4])]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = QLinearGlobalAveragePool()
    operation.channelsLast = random.bool()
    let dtype = random.dtype([.i8, .u8])
    let (scalar, zero) = (TensorType(.f32, []), TensorType(dtype, []))
    return Sample(
      operation,
      [TensorType(dtype, (0..<4).map { _ in Dim(random.int(1...5)) }), scalar, zero, scalar, zero],
      ranges: [0: -20...60, 1: 0.05...0.2, 3: 0.05...0.2])
  }
}
