// SPDX-License-Identifier: Apache-2.0
// Matrix products of 8-bit integers around zero points.

import GraphIR
import KernelIR
import TensorCore

package struct MatMulInteger: Operation {
  package static let name = "MatMulInteger"
  package static let summary = "(A - a_zero_point) · (B - b_zero_point) in i32; zero points for rows of A, columns of B."
  package static let operands = [
    Slot("A"), Slot("B"), Slot("a_zero_point", .optional), Slot("b_zero_point", .optional),
  ]
  package static let results = [Slot("Y")]
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let a = operands[0], let b = operands[1] else { throw TypeError("'MatMulInteger' needs two operands") }
    for (index, type) in [a, b].enumerated() where type.dtype != .i8 && type.dtype != .u8 {
      throw TypeError("'MatMulInteger' takes i8 and u8, found \(type)", operand: index)
    }
    for (index, type) in [a, b].enumerated() {
      guard let zero = optional(operands, index + 2) else { continue }
      guard zero.dtype == type.dtype else {
        throw TypeError("the zero point \(zero) of 'MatMulInteger' is not of \(type.dtype)", operand: index + 2)
      }
      _ = try matrixScaleShape(zero, of: type, isRow: index == 0, operand: index + 2, for: Self.name)
    }
    return try MatMul().inferTypes([TensorType(.i32, a.shape), TensorType(.i32, b.shape)])
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let a = operands[0], let b = operands[1] else { throw TypeError("'MatMulInteger' needs two operands") }
    _ = try inferTypes(operands.map { $0?.type })
    let left = try centredMatrix(a, optional(operands, 2), isRow: true, for: Self.name)
    let right = try centredMatrix(b, optional(operands, 3), isRow: false, for: Self.name)
    return try MatMul().evaluate([left, right])
  }

  /// `Σ (a - z)(b - w) = Σ ab - z Σ b - w Σ a + K z w`: the products are those of bytes, and what zero points add is a
  /// number for each row and column. Everything wraps, so that no order of it matters.
  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, operands throws(TypeError) in
      guard let a = operands[0], let b = operands[1] else { throw TypeError("'MatMulInteger' needs two operands") }
      let (left, right) = (builder.type(a), builder.type(b))
      guard left.rank > 1, right.rank > 1 else {
        let x = try builder.centredMatrix(a, optional(operands, 2), isRow: true, for: Self.name)
        let y = try builder.centredMatrix(b, optional(operands, 3), isRow: false, for: Self.name)
        return [try builder.emit(MatMul(), x, y)]
      }
      func zero(_ operand: Int, of type: TensorType, isRow: Bool) throws(TypeError) -> ValueID? {
        guard let zero = builder.offset(optional(operands, operand)) else { return nil }
        let shape = try matrixScaleShape(builder.type(zero), of: type, isRow: isRow, operand: operand, for: Self.name)
        return try builder.narrowed(try builder.reshaped(zero, shape), to: .i32)
      }
      let (z, w) = (try zero(2, of: left, isRow: true), try zero(3, of: right, isRow: false))
      let (x, y) = (try builder.narrowed(a, to: .i32), try builder.narrowed(b, to: .i32))
      var sums = try builder.emit(MatMul(), x, y)
      if let z {
        let columns = try builder.emit(ReduceSum(axes: [right.rank - 2]), y)
        sums = try builder.sub(sums, try builder.mul(z, columns))
      }
      if let w {
        var rows = try builder.emit(ReduceSum(axes: [left.rank - 1]), x)
        if let z {
          let depth = try builder.emitAny(Dimension(left.shape[left.rank - 1], .i32), [])[0]
          rows = try builder.sub(rows, try builder.mul(z, depth))
        }
        sums = try builder.sub(sums, try builder.mul(w, rows))
      }
      return [sums]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let (m, k, n) = (random.size(), random.size(), random.size())
    let batch = random.shape(maxRank: 1)
    let (left, right) = (random.dtype([.i8, .u8]), random.dtype([.i8, .u8]))
    var operands: [TensorType?] = [
      TensorType(left, (batch + [m, k]).map { Dim($0) }), TensorType(right, [Dim(k), Dim(n)]),
    ]
    operands.append(random.bool() ? TensorType(left, random.bool() ? [] : [Dim(m)]) : nil)
    operands.append(random.bool() ? TensorType(right, random.bool() ? [] : [Dim(n)]) : nil)
    return Sample(MatMulInteger(), operands, ranges: [0: -100...100, 1: -100...100])
  }
}

/// The shape in which a scale or zero point of a matrix operand broadcasts to it: a scalar, one for each row of the left
/// operand, one for each column of the right one, or a shape that broadcasts already.
func matrixScaleShape(
  _ scale: TensorType, of matrix: TensorType, isRow: Bool, operand: Int, for name: String
) throws(TypeError) -> [Dim] {
  if scale.elementCount == 1 { return [] }
  let wrong = TypeError(
    "\(scale) does not fit the \(isRow ? "rows" : "columns") of the operand \(matrix) of '\(name)'", operand: operand)
  if scale.rank == 1 {
    guard matrix.rank >= 2, scale.shape[0] == matrix.shape[matrix.rank - (isRow ? 2 : 1)] else { throw wrong }
    return isRow ? [scale.shape[0], 1] : scale.shape
  }
  guard scale.rank == matrix.rank, scale.shape[scale.rank - (isRow ? 1 : 2)] == 1,
    zip(scale.shape, matrix.shape).allSatisfy({ $0 == 1 || $0 == $1 })
  else { throw wrong }
  return scale.shape
}

/// A quantised matrix minus its zero point, i32.
func centredMatrix(_ x: Reference, _ zero: Reference?, isRow: Bool, for name: String) throws(TypeError) -> Reference {
  var result = Reference(.i32, x.shape, integers: x.integers)
  guard let zero else { return result }
  let shape = try staticSizes(
    matrixScaleShape(zero.type, of: x.type, isRow: isRow, operand: isRow ? 2 : 3, for: name), for: name)
  let strides = broadcastStrides(shape, to: x.shape)
  forEachIndex(x.shape) { position, index in
    result.integers[position] -= zero.integers[zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }]
  }
  return result
}

extension GraphBuilder {
  /// A quantised matrix minus its zero point, i32.
  mutating func centredMatrix(
    _ x: ValueID?, _ zero: ValueID?, isRow: Bool, for name: String
  ) throws(TypeError) -> ValueID {
    guard let x else { throw TypeError("an operand of '\(name)' is missing") }
    guard let zero else { return try centred(x, zero: nil) }
    let shape = try matrixScaleShape(type(zero), of: type(x), isRow: isRow, operand: isRow ? 2 : 3, for: name)
    return try centred(x, zero: try reshaped(zero, shape))
  }
}
