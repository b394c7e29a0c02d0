// SPDX-License-Identifier: Apache-2.0
// Matrix products of quantised tensors.

import GraphIR
import KernelIR
import TensorCore

/// The exact sum of products is multiplied by a_scale · b_scale / y_scale, rounded, and moved by the zero point.
package struct QLinearMatMul: Operation {
  package static let name = "QLinearMatMul"
  /// Where the exact value lies between two steps, f32 may decide for the other one.
  package static let accuracy = Accuracy.ulps(1)
  package static let summary =
    "saturate(round((a - a_zero) · (b - b_zero) · a_scale · b_scale / y_scale) + y_zero); scales for rows or columns."
  package static let operands = [
    Slot("a"), Slot("a_scale"), Slot("a_zero_point"), Slot("b"), Slot("b_scale"), Slot("b_zero_point"),
    Slot("y_scale"), Slot("y_zero_point"),
  ]
  package static let results = [Slot("y")]
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let types = operands.compactMap { $0 }
    guard types.count == 8 else { throw TypeError("'QLinearMatMul' needs eight operands") }
    let product = try MatMulInteger().inferTypes([types[0], types[3], types[2], types[5]])[0]
    for (index, matrix, isRow) in [(1, types[0], true), (4, types[3], false)] {
      guard DType.floats.contains(types[index].dtype) else {
        throw TypeError("a scale of 'QLinearMatMul' must be a float, found \(types[index])", operand: index)
      }
      _ = try matrixScaleShape(types[index], of: matrix, isRow: isRow, operand: index, for: Self.name)
    }
    guard types[6].elementCount == 1, types[7].elementCount == 1, types[6].dtype == types[1].dtype else {
      throw TypeError("the result's scale and zero point of 'QLinearMatMul' must be scalars", operand: 6)
    }
    guard DType.quantized.contains(types[7].dtype) else {
      throw TypeError("'QLinearMatMul' does not make \(types[7].dtype)", operand: 7)
    }
    return [TensorType(types[7].dtype, product.shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let values = operands.compactMap { $0 }
    let dtype = try inferTypes(values.map(\.type))[0].dtype
    let sums = try MatMulInteger().evaluate([values[0], values[3], values[2], values[5]])[0]
    let rows = try staticSizes(
      matrixScaleShape(values[1].type, of: values[0].type, isRow: true, operand: 1, for: Self.name), for: Self.name)
    let columns = try staticSizes(
      matrixScaleShape(values[4].type, of: values[3].type, isRow: false, operand: 4, for: Self.name), for: Self.name)
    let rowStrides = broadcastStrides(rows, to: sums.shape)
    let columnStrides = broadcastStrides(columns, to: sums.shape)
    let (scale, zero) = (values[6].reals[0], values[7].integers[0])
    var result = Reference(zeros: dtype, sums.shape)
    forEachIndex(sums.shape) { position, index in
      let a = values[1].reals[zip(index, rowStrides).reduce(0) { $0 + $1.0 * $1.1 }]
      let b = values[4].reals[zip(index, columnStrides).reduce(0) { $0 + $1.0 * $1.1 }]
      result.integers[position] = dtype.quantized(Double(sums.integers[position]) * (a * b / scale), zero: zero)
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let a = types.operands[0], let b = types.operands[3], let aScale = types.operands[1],
      let bScale = types.operands[4],
      let rows = try? matrixScaleShape(aScale, of: a, isRow: true, operand: 1, for: Self.name),
      let columns = try? matrixScaleShape(bScale, of: b, isRow: false, operand: 4, for: Self.name)
    else { return .leaf }
    let dtype = types.results[0].dtype
    return .decompose { builder, operands throws(TypeError) in
      let sums = try builder.emitAny(MatMulInteger(), [operands[0], operands[3], operands[2], operands[5]])[0]
      func single(_ index: Int, _ shape: [Dim]) throws(TypeError) -> ValueID {
        guard let operand = operands[index] else { throw TypeError("'QLinearMatMul' needs eight operands") }
        return try builder.narrowed(try builder.reshaped(operand, shape), to: .f32)
      }
      let factor = try builder.div(try builder.mul(try single(1, rows), try single(4, columns)), try single(6, []))
      let scaled = try builder.mul(try builder.narrowed(sums, to: .f32), factor)
      return [try builder.saturated(scaled, zero: try builder.emit(Reshape(exactly: []), operands[7]), dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let (m, k, n) = (Dim(random.size()), Dim(random.size()), Dim(random.size()))
    let batch = random.shape(maxRank: 1).map { Dim($0) }
    let (left, right) = (random.dtype([.i8, .u8]), random.dtype([.i8, .u8]))
    let rows: [Dim] = random.bool() ? [] : [m]
    let columns: [Dim] = random.bool() ? [] : [n]
    return Sample(
      QLinearMatMul(),
      [
        TensorType(left, batch + [m, k]), TensorType(.f32, rows), TensorType(left, rows), TensorType(right, [k, n]),
        TensorType(.f32, columns), TensorType(right, columns), TensorType(.f32, []),
        TensorType(random.dtype([.i8, .u8]), []),
      ],
      ranges: [0: -100...100, 1: 0.01...0.1, 3: -100...100, 4: 0.01...0.1, 6: 0.5...1.5])
  }
}
