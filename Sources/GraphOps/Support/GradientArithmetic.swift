// SPDX-License-Identifier: Apache-2.0
// Short names for the arithmetic that gradients emit.

import GraphIR
import TensorCore

extension GradientContext {
  mutating func add(_ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID { try emit(Add(), a, b) }
  mutating func sub(_ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID { try emit(Sub(), a, b) }
  mutating func mul(_ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID { try emit(Mul(), a, b) }
  mutating func div(_ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID { try emit(Div(), a, b) }
  mutating func neg(_ x: ValueID) throws(TypeError) -> ValueID { try emit(Neg(), x) }
  mutating func square(_ x: ValueID) throws(TypeError) -> ValueID { try emit(Mul(), x, x) }
  mutating func reciprocal(_ x: ValueID) throws(TypeError) -> ValueID { try emit(Reciprocal(), x) }

  /// x · c
  mutating func scaled(_ x: ValueID, by c: Double) throws(TypeError) -> ValueID {
    try mul(x, try scalar(c, like: x))
  }

  /// c + x
  mutating func plus(_ c: Double, _ x: ValueID) throws(TypeError) -> ValueID { try add(x, try scalar(c, like: x)) }

  /// c - x
  mutating func minus(_ c: Double, _ x: ValueID) throws(TypeError) -> ValueID { try sub(try scalar(c, like: x), x) }

  /// x < c, as bools.
  mutating func isLess(_ x: ValueID, _ c: Double) throws(TypeError) -> ValueID {
    try emit(Less(), x, try scalar(c, like: x))
  }

  /// x > c, as bools.
  mutating func isGreater(_ x: ValueID, _ c: Double) throws(TypeError) -> ValueID {
    try emit(Greater(), x, try scalar(c, like: x))
  }

  /// Elements where a condition holds, else 0: unlike a product with a mask it keeps infinities out.
  mutating func masked(_ x: ValueID, where condition: ValueID) throws(TypeError) -> ValueID {
    try emit(Where(), condition, x, try scalar(0, like: x))
  }

  /// A tensor with one number in every element, of a value's type.
  mutating func filled(_ number: Double, like value: ValueID) throws(TypeError) -> ValueID {
    let type = type(value)
    return try emit(ConstantOfShape(type.shape, number, type.dtype))
  }
}
