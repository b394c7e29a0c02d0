// SPDX-License-Identifier: Apache-2.0
// Convolutions of quantised tensors.

import GraphIR
import KernelIR
import TensorCore

/// The exact sum is multiplied by x_scale · w_scale / y_scale, rounded, and moved by the zero point.
package struct QLinearConv: WindowOperation {
  package static let name = "QLinearConv"
  /// Where the exact value lies between two steps, f32 may decide for the other one.
  package static let accuracy = Accuracy.ulps(1)
  package static let summary =
    "saturate(round((conv(x - x_zero, w - w_zero) + B) · x_scale · w_scale / y_scale) + y_zero); B is i32."
  package static let operands = [
    Slot("x"), Slot("x_scale"), Slot("x_zero_point"), Slot("w"), Slot("w_scale"), Slot("w_zero_point"),
    Slot("y_scale"), Slot("y_zero_point"), Slot("B", .optional),
  ]
  package static let results = [Slot("y")]
  package static var attributes: [Attribute<Self>] {
    windowAttributes(except: ["ceil_mode"]) + [Attribute("group", \.group, "groups that channels are divided into")]
  }
  package var windowOptions = WindowOptions()
  package var group = 1
  package init() {}

  private var conv: ConvInteger {
    var conv = ConvInteger()
    conv.windowOptions = windowOptions
    conv.group = group
    return conv
  }

  private func channel(rank: Int) -> Int { dataFormat == DataFormat.channelsLast.rawValue ? rank - 1 : 1 }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let types = operands.prefix(8).compactMap { $0 }
    guard types.count == 8 else { throw TypeError("'QLinearConv' needs eight operands") }
    let sums = try conv.inferTypes([types[0], types[3], types[2], types[5]])[0]
    let filters = sums.shape[channel(rank: sums.rank)]
    for index in [1, 4, 6] {
      let type = types[index]
      guard type.dtype == .f32, type.elementCount == 1 || (index == 4 && type.shape == [filters]) else {
        throw TypeError("operand \(index) of 'QLinearConv' is \(type), expected an f32 scale", operand: index)
      }
    }
    guard DType.quantized.contains(types[7].dtype), types[7].elementCount == 1 else {
      throw TypeError("the result's zero point of 'QLinearConv' is \(types[7])", operand: 7)
    }
    if let bias = optional(operands, 8), bias != TensorType(.i32, [filters]) {
      throw TypeError("the bias of 'QLinearConv' is \(bias), expected \(TensorType(.i32, [filters]))", operand: 8)
    }
    return [TensorType(types[7].dtype, sums.shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let dtype = try inferTypes(operands.map { $0?.type })[0].dtype
    let values = operands.prefix(8).compactMap { $0 }
    let sums = try conv.evaluate([values[0], values[3], values[2], values[5]])[0]
    let bias = optional(operands, 8)
    let axis = channel(rank: sums.shape.count)
    let (inner, filters) = (sums.shape[(axis + 1)...].reduce(1, *), sums.shape[axis])
    let scales = values[4].reals
    var result = Reference(zeros: dtype, sums.shape)
    for position in sums.integers.indices {
      let filter = position / inner % filters
      let sum = wrap(sums.integers[position] + (bias?.integers[filter] ?? 0), to: .i32)
      let factor = values[1].reals[0] * scales[scales.count == 1 ? 0 : filter] / values[6].reals[0]
      result.integers[position] = dtype.quantized(Double(sum) * factor, zero: values[7].integers[0])
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let result = types.results[0]
    let axis = channel(rank: result.rank)
    return .decompose { builder, operands throws(TypeError) in
      func value(_ index: Int) throws(TypeError) -> ValueID {
        guard let operand = operands[index] else { throw TypeError("'QLinearConv' needs eight operands") }
        return operand
      }
      var sums = try builder.emitAny(conv, [operands[0], operands[3], operands[2], operands[5]])[0]
      if let bias = optional(operands, 8) {
        sums = try builder.add(sums, try builder.along(axis, rank: result.rank, bias))
      }
      let scale = try value(4)
      let filterScale =
        builder.type(scale).elementCount == 1
        ? try builder.reshaped(scale, []) : try builder.along(axis, rank: result.rank, scale)
      let product = try builder.mul(try builder.reshaped(try value(1), []), filterScale)
      let factor = try builder.div(product, try builder.reshaped(try value(6), []))
      let scaled = try builder.mul(try builder.narrowed(sums, to: .f32), factor)
      return [try builder.saturated(scaled, zero: try builder.reshaped(try value(7), []), result.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let plain = ConvInteger.sample(&random)
    var operation = QLinearConv()
    guard let conv = plain.operation as? ConvInteger, let x = plain.operands[0], let w = plain.operands[1] else {
      return plain
    }
    operation.windowOptions = conv.windowOptions
    operation.group = conv.group
    let filters = w.shape[conv.filterAxis(rank: w.rank)]
    let perFilter: [Dim] = random.bool() ? [] : [filters]
    let scalar = TensorType(.f32, [])
    var operands: [TensorType?] = [
      x, scalar, TensorType(x.dtype, []), w, TensorType(.f32, perFilter), TensorType(w.dtype, perFilter), scalar,
      TensorType(random.dtype([.i8, .u8]), []),
    ]
    if random.bool() { operands.append(TensorType(.i32, [filters])) }
    return Sample(
      operation, operands,
      ranges: [0: -100...100, 1: 0.01...0.1, 3: -100...100, 4: 0.01...0.1, 6: 0.5...1.5])
  }
}
