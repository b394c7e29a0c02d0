// SPDX-License-Identifier: Apache-2.0
// Powers.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// The operands may have different types; the result has the base's. An integer base with a float exponent is computed
/// in f64 and truncated toward zero.
package struct Pow: Operation {
  package static let name = "Pow"
  package static let summary = "x to the power y, with broadcasting; the result has x's type."
  package static let operands = [Slot("X"), Slot("Y")]
  package static let results = [Slot("Z")]
  package static let accuracy = Accuracy.ulps(4)
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let y = operands[1] else { throw TypeError("'Pow' needs two operands") }
    for (index, type) in [x, y].enumerated() where !DType.numbers.contains(type.dtype) {
      throw TypeError("'Pow' does not take \(type.dtype)", operand: index)
    }
    return [TensorType(x.dtype, try broadcast([x, y], for: Self.name))]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let y = operands[1] else { throw TypeError("'Pow' needs two operands") }
    let shape = try inferTypes([x.type, y.type])[0].shape.compactMap(\.value)
    let (xStrides, yStrides) = (broadcastStrides(x.shape, to: shape), broadcastStrides(y.shape, to: shape))
    var result = Reference(zeros: x.dtype, shape)
    forEachIndex(shape) { position, index in
      let i = zip(index, xStrides).reduce(0) { $0 + $1.0 * $1.1 }
      let j = zip(index, yStrides).reduce(0) { $0 + $1.0 * $1.1 }
      if x.dtype.isFloat {
        result.reals[position] = pow(x.reals[i], y.double(j))
      } else if y.dtype.isFloat {
        result.integers[position] = x.dtype.integer(saturating: pow(x.double(i), y.reals[j]))
      } else {
        result.integers[position] = wrap(Self.power(x.integers[i], y.integers[j]), to: x.dtype)
      }
    }
    return [result]
  }

  /// Integer powers wrap; negative exponents give the real power truncated toward zero, and 0 for base 0.
  private static func power(_ base: Int64, _ exponent: Int64) -> Int64 {
    if exponent < 0 {
      return base == 1 ? 1 : base == -1 ? (exponent & 1 == 0 ? 1 : -1) : 0
    }
    var (result, square, rest): (Int64, Int64, Int64) = (1, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result &*= square }
      square &*= square
      rest >>= 1
    }
    return result
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0]?.dtype, let y = types.operands[1]?.dtype else { return .leaf }
    let common = Self.computeType(x, y)
    return .pointwise { context, index in
      let base = context.broadcast(0, at: index).cast(to: common)
      let exponent = context.broadcast(1, at: index).cast(to: common)
      return [Expr.binary(.pow, base, exponent).cast(to: x.computeType)]
    }
  }

  /// The type in which both operands keep their value as far as the result's type can tell.
  private static func computeType(_ x: DType, _ y: DType) -> DType {
    if !x.isFloat { return y.isFloat ? .f64 : .i64 }
    // f32 holds every integer of 16 bits, but not the parity of larger exponents.
    return x == .f64 || (x == .f32 && y == .f64) || (y.isInteger && y.bits > 16) ? .f64 : .f32
  }

  /// d/dx = y · x^(y-1); d/dy = z · ln x, and 0 where x is 0
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], let y = context.operands[1] else {
      return [nil, nil]
    }
    let (xType, yType) = (context.type(x), context.type(y))
    guard xType.dtype.isFloat else { return [nil, nil] }
    let exponent = yType.dtype == xType.dtype ? y : try context.emit(Cast(to: xType.dtype), y)
    let slope = try context.mul(exponent, try context.emit(Pow(), x, try context.plus(-1, exponent)))
    let toX = try context.unbroadcast(try context.mul(seed, slope), to: x)
    guard yType.dtype.isFloat else { return [toX, nil] }
    let isZero = try context.emit(Equal(), x, try context.scalar(0, like: x))
    let safe = try context.emit(Where(), isZero, try context.scalar(1, like: x), x)
    let product = try context.mul(context.results[0], try context.emit(Log(), safe))
    let summed = try context.unbroadcast(try context.mul(seed, product), to: y)
    return [toX, yType.dtype == xType.dtype ? summed : try context.emit(Cast(to: yType.dtype), summed)]
  }

  package static var rules: [Rule] {
    [
      // x¹ = x; x² = x·x and x⁻¹ = 1/x round once, as a correct power does; x³ = x·x·x rounds twice.
      Rule("pow-small", on: Pow.self) { _, context throws(TypeError) in
        guard let x = context.operands[0], let (type, exponent) = try context.constantExponent() else { return nil }
        switch exponent {
        case 1: return [x]
        case 2: return [try context.builder.emit(Mul(), x, x)]
        case 3: return [try context.builder.emit(Mul(), context.builder.emit(Mul(), x, x), x)]
        case -1 where type.dtype.isFloat: return [try context.builder.emit(Reciprocal(), x)]
        default: return nil
        }
      },
      // x^½ = √x, but +∞ at -∞, and never -0.
      Rule("pow-half", on: Pow.self) { _, context throws(TypeError) in
        guard let x = context.operands[0], let (type, exponent) = try context.constantExponent(), exponent == 0.5,
          type.dtype.isFloat
        else { return nil }
        let root = try context.builder.emit(Abs(), context.builder.emit(Sqrt(), x))
        let infinity = try context.builder.scalar(.infinity, type.dtype)
        let isLow = try context.builder.emit(Equal(), x, context.builder.scalar(-.infinity, type.dtype))
        return [try context.builder.emit(Where(), isLow, infinity, root)]
      },
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape()
    let base = random.dtype([.f32, .f64, .f16, .i32, .i64])
    let exponent = base.isFloat ? random.dtype([base, .f32, .i32, .i64]) : random.dtype([.i32, .i64, .u8])
    return Sample(
      Pow(),
      [TensorType(base, shape.map { Dim($0) }), TensorType(exponent, random.broadcastable(to: shape).map { Dim($0) })],
      ranges: base.isFloat ? [0: 0.2...2, 1: -2...2] : [0: -9...9, 1: 0...3])
  }
}

extension RuleContext {
  /// The base's type and the one number all exponents are, where the exponent does not widen the base.
  fileprivate func constantExponent() throws(TypeError) -> (TensorType, Double)? {
    guard let x = type(0), let y = type(1), let exponent = splat(1), x.shape == (try broadcast([x, y], for: Pow.name))
    else { return nil }
    return (x, exponent)
  }
}
