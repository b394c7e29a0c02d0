// SPDX-License-Identifier: Apache-2.0
// Means of windows of quantised images.

import GraphIR
import TensorCore

package struct QLinearAveragePool: WindowOperation {
  package static let name = "QLinearAveragePool"
  /// Where the exact value lies between two steps, f32 may decide for the other one.
  package static let accuracy = Accuracy.ulps(1)
  package static let summary = "AveragePool of a dequantised image, quantised again."
  package static let operands = [
    Slot("X"), Slot("x_scale"), Slot("x_zero_point", .optional), Slot("y_scale"), Slot("y_zero_point", .optional),
  ]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    windowAttributes(except: ["dilations", "data_format"]) + [
      Attribute("count_include_pad", \.countIncludePad, "whether padding counts as elements"),
      Attribute("channels_last", \.channelsLast, "whether images are [N, spatial…, C]"),
    ]
  }
  package var windowOptions = WindowOptions()
  package var countIncludePad = false
  package var channelsLast: Bool {
    get { dataFormat == DataFormat.channelsLast.rawValue }
    set { dataFormat = (newValue ? DataFormat.channelsLast : .channelsFirst).rawValue }
  }
  package init() {}

  private var pool: AveragePool {
    var pool = AveragePool()
    pool.windowOptions = windowOptions
    pool.countIncludePad = countIncludePad
    return pool
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let scale = operands[1], scale.elementCount == 1 else {
      throw TypeError("'QLinearAveragePool' needs an image and its scale")
    }
    let float = try DequantizeLinear(axis: 0).inferTypes([x, scale, optional(operands, 2)])[0]
    return try quantizedResult(
      try pool.inferTypes([float])[0], optional(operands, 3), optional(operands, 4), like: x, for: Self.name)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let dtype = try inferTypes(operands.map { $0?.type })[0].dtype
    return [try requantized(try pool.evaluate([dequantized(operands, 0)])[0], operands, 3, dtype)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let dtype = types.results[0].dtype
    return .decompose { builder, operands throws(TypeError) in
      let float = try builder.emitAny(
        DequantizeLinear(axis: 0), [operands[0], operands[1], optional(operands, 2)])[0]
      let mean = try builder.emit(pool, float)
      return try builder.emitAny(QuantizeLinear(dtype, axis: 0), [mean, operands[3], optional(operands, 4)])
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = QLinearAveragePool()
    operation.kernelShape = [random.int(1...3), random.int(1...3)]
    operation.strides = [random.int(1...2), 1]
    operation.channelsLast = random.bool()
    let spatial = [random.int(3...6), random.int(3...6)]
    let shape = operation.channelsLast ? [2] + spatial + [3] : [2, 3] + spatial
    let dtype = random.dtype([.i8, .u8])
    let (scalar, zero) = (TensorType(.f32, []), TensorType(dtype, []))
    return Sample(
      operation, [TensorType(dtype, shape.map { Dim($0) }), scalar, zero, scalar, random.bool() ? zero : nil],
      ranges: [0: -20...60, 1: 0.05...0.2, 3: 0.05...0.2])
  }
}
