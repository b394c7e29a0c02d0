// SPDX-License-Identifier: Apache-2.0
// Short names for the arithmetic that decompositions emit.

import GraphIR
import TensorCore

extension GraphBuilder {
  mutating func add(_ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID { try emit(Add(), a, b) }
  mutating func sub(_ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID { try emit(Sub(), a, b) }
  mutating func mul(_ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID { try emit(Mul(), a, b) }
  mutating func div(_ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID { try emit(Div(), a, b) }

  /// sum + x, where the first of several has no sum yet.
  mutating func added(_ x: ValueID, to sum: ValueID?) throws(TypeError) -> ValueID {
    guard let sum else { return x }
    return try add(sum, x)
  }

  /// x + c
  mutating func plus(_ x: ValueID, _ c: Double) throws(TypeError) -> ValueID {
    c == 0 ? x : try add(x, try scalar(c, like: x))
  }

  /// x · c
  mutating func scaled(_ x: ValueID, by c: Double) throws(TypeError) -> ValueID {
    c == 1 ? x : try mul(x, try scalar(c, like: x))
  }

  /// c - x
  mutating func minus(_ c: Double, _ x: ValueID) throws(TypeError) -> ValueID { try sub(try scalar(c, like: x), x) }

  /// 0, 1, 2 … of a type.
  mutating func range(_ count: Dim, _ dtype: DType) throws(TypeError) -> ValueID {
    try emit(NumberRange(count: count, dtype))
  }

  /// A size as a scalar of a type.
  mutating func size(_ dim: Dim, _ dtype: DType) throws(TypeError) -> ValueID {
    if let number = dim.value { return try scalar(Double(number), dtype) }
    return try emit(Dimension(dim, dtype))
  }

  /// The same elements with exactly these sizes.
  mutating func reshaped(_ x: ValueID, _ shape: [Dim]) throws(TypeError) -> ValueID {
    type(x).shape == shape ? x : try emit(Reshape(exactly: shape), x)
  }

  /// A vector along one axis of a tensor of some rank.
  mutating func along(_ axis: Int, rank: Int, _ vector: ValueID) throws(TypeError) -> ValueID {
    let count = type(vector).elementCount
    return try reshaped(vector, (0..<rank).map { $0 == axis ? count : 1 })
  }

  /// The axes in another order.
  mutating func transposed(_ x: ValueID, _ order: [Int]) throws(TypeError) -> ValueID {
    order == Array(order.indices) ? x : try emit(Transpose(perm: order), x)
  }

  /// The tensor read as if it had a shape that it broadcasts to.
  mutating func expanded(_ x: ValueID, to shape: [Dim]) throws(TypeError) -> ValueID {
    type(x).shape == shape ? x : try emit(Expand(shape: shape), x)
  }

  /// Elements where a condition holds, else a number.
  mutating func masked(
    _ x: ValueID, where condition: ValueID, else number: Double = 0
  ) throws(TypeError) -> ValueID {
    try emit(Where(), condition, x, try scalar(number, like: x))
  }

  /// Elements `from..<to` of one axis.
  mutating func slice(_ x: ValueID, axis: Int, from: Dim, to: Dim) throws(TypeError) -> ValueID {
    try emit(Slice(axis: axis, from: from, to: to), x)
  }
}

/// An operand by position; nil when it is missing or not given at all.
func optional<T>(_ operands: [T?], _ index: Int) -> T? { operands.indices.contains(index) ? operands[index] : nil }
