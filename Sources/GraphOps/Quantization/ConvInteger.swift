// SPDX-License-Identifier: Apache-2.0
// Convolutions of 8-bit integers around zero points.

import GraphIR
import KernelIR
import TensorCore

/// Padding has the value of the zero point.
package struct ConvInteger: WindowOperation {
  package static let name = "ConvInteger"
  package static let summary = "The convolution of (x - x_zero_point) with (w - w_zero_point) in i32."
  package static let operands = [
    Slot("x"), Slot("w"), Slot("x_zero_point", .optional), Slot("w_zero_point", .optional),
  ]
  package static let results = [Slot("y")]
  package static var attributes: [Attribute<Self>] {
    windowAttributes(except: ["ceil_mode"]) + [Attribute("group", \.group, "groups that channels are divided into")]
  }
  package var windowOptions = WindowOptions()
  package var group = 1
  package init() {}

  /// The convolution of the centred integers.
  var conv: Conv {
    var conv = Conv()
    conv.windowOptions = windowOptions
    conv.group = group
    return conv
  }

  /// The axis of filters in the weights.
  func filterAxis(rank: Int) -> Int { dataFormat == DataFormat.channelsLast.rawValue ? rank - 1 : 0 }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let w = operands[1] else { throw TypeError("'ConvInteger' needs an input and weights") }
    for (index, type) in [x, w].enumerated() where type.dtype != .i8 && type.dtype != .u8 {
      throw TypeError("'ConvInteger' takes i8 and u8, found \(type)", operand: index)
    }
    if let zero = optional(operands, 2), zero.dtype != x.dtype || zero.elementCount != 1 {
      throw TypeError("the zero point of 'ConvInteger' for x must be a scalar of \(x.dtype), found \(zero)", operand: 2)
    }
    if let zero = optional(operands, 3) {
      let filters = w.rank > 0 ? w.shape[filterAxis(rank: w.rank)] : 1
      guard zero.dtype == w.dtype, zero.elementCount == 1 || zero.shape == [filters] else {
        throw TypeError("the zero point of 'ConvInteger' for w is \(zero), the weights are \(w)", operand: 3)
      }
    }
    return try conv.inferTypes([TensorType(.i32, x.shape), TensorType(.i32, w.shape)])
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let w = operands[1] else { throw TypeError("'ConvInteger' needs an input and weights") }
    _ = try inferTypes(operands.map { $0?.type })
    let offset = optional(operands, 2)?.integers[0] ?? 0
    let zeros = optional(operands, 3)?.integers ?? [0]
    let inner = w.shape[(filterAxis(rank: w.shape.count) + 1)...].reduce(1, *)
    let filters = w.shape[filterAxis(rank: w.shape.count)]
    let weights = w.integers.indices.map { w.integers[$0] - zeros[zeros.count == 1 ? 0 : $0 / inner % filters] }
    return try conv.evaluate([
      Reference(.i32, x.shape, integers: x.integers.map { $0 - offset }), Reference(.i32, w.shape, integers: weights),
    ])
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let w = types.operands[1] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      guard let x = operands[0], let weights = operands[1] else { throw TypeError("'ConvInteger' needs two operands") }
      let zero = try builder.offset(optional(operands, 2)).map { z throws(TypeError) in try builder.reshaped(z, []) }
      if let offset = builder.offset(optional(operands, 3)) {
        // Weights around a number of their own have nine bits.
        let isScalar = builder.type(offset).elementCount == 1
        let spread =
          try isScalar
          ? builder.reshaped(offset, []) : builder.along(filterAxis(rank: w.rank), rank: w.rank, offset)
        let input = try builder.centred(x, zero: zero)
        return [try builder.emit(conv, input, try builder.centred(weights, zero: spread))]
      }
      return [try products(x, weights, zero: zero, &builder)]
    }
  }

  /// `Σ (x - z) w = Σ x w - z Σ w`, with borders of z: the products are those of bytes.
  private func products(
    _ x: ValueID, _ w: ValueID, zero: ValueID?, _ builder: inout GraphBuilder
  ) throws(TypeError) -> ValueID {
    // Turned while they are bytes.
    if dataFormat != DataFormat.channelsLast.rawValue {
      var operation = self
      operation.dataFormat = DataFormat.channelsLast.rawValue
      let rank = builder.type(x).rank
      let image = try builder.transposed(x, DataFormat.toLast(rank: rank))
      let filters = try builder.transposed(w, Array(2..<rank) + [1, 0])
      let sums = try operation.products(image, filters, zero: zero, &builder)
      return try builder.transposed(sums, DataFormat.toFirst(rank: rank))
    }
    let (type, weights) = (builder.type(x), builder.type(w))
    let geometry = try conv.geometry(TensorType(.i32, type.shape), TensorType(.i32, weights.shape))
    var (conv, input) = (conv, x)
    if geometry.isPadded {
      let ends = [geometry.window.map(\.before), geometry.window.map(\.after)]
      let pads = Pad(pads: ends.flatMap { $0 }, axes: Array(1..<type.rank - 1))
      input = try builder.emitAny(pads, zero.map { [x, $0] } ?? [x])[0]
      conv.pads = []
      conv.autoPad = "VALID"
    }
    let wide = try builder.narrowed(w, to: .i32)
    let sums = try builder.emit(conv, try builder.narrowed(input, to: .i32), wide)
    guard let zero else { return sums }
    let filters = try builder.emit(ReduceSum(axes: Array(0..<weights.rank - 1), keepDims: false), wide)
    return try builder.sub(sums, try builder.mul(try builder.narrowed(zero, to: .i32), filters))
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let plain = Conv.sample(&random)
    var operation = ConvInteger()
    guard let conv = plain.operation as? Conv, let x = plain.operands[0], let w = plain.operands[1] else { return plain }
    operation.windowOptions = conv.windowOptions
    operation.group = conv.group
    let (left, right) = (random.dtype([.i8, .u8]), random.dtype([.i8, .u8]))
    var operands: [TensorType?] = [TensorType(left, x.shape), TensorType(right, w.shape)]
    operands.append(random.bool() ? TensorType(left, []) : nil)
    let filters = w.shape[operation.filterAxis(rank: w.rank)]
    operands.append(random.bool() ? TensorType(right, random.bool() ? [] : [filters]) : nil)
    return Sample(operation, operands, ranges: [0: -100...100, 1: -100...100])
  }
}
