// SPDX-License-Identifier: Apache-2.0
// The values of functions of two operands and of combiners.

import Glibc
import TensorCore

extension BinaryFunction {
  /// The value for operands in `ScalarBits` form; `dtype` is theirs.
  func evaluate(_ a: Int64, _ b: Int64, _ dtype: DType) -> Int64 {
    switch dtype {
    case .f64: real(ScalarBits.double(a), ScalarBits.double(b)) { ScalarBits.bits($0) }
    case .f32: real(ScalarBits.float(a), ScalarBits.float(b)) { ScalarBits.bits($0) }
    case .u64: integer(UInt64(bitPattern: a), UInt64(bitPattern: b), dtype)
    default: integer(a, b, dtype)
    }
  }

  private func real<T: BinaryFloatingPoint>(_ a: T, _ b: T, _ bits: (T) -> Int64) -> Int64 {
    switch self {
    case .add: return bits(a + b)
    case .sub: return bits(a - b)
    case .mul: return bits(a * b)
    case .div: return bits(a / b)
    case .floorDiv: return bits((a / b).rounded(.down))
    case .mod:
      // The remainder of the dividend is exact; one addition moves it to the divisor's sign.
      let r = a.truncatingRemainder(dividingBy: b)
      return bits(r == 0 ? T(signOf: b, magnitudeOf: r) : (r < 0) != (b < 0) ? r + b : r)
    case .rem: return bits(a.truncatingRemainder(dividingBy: b))
    case .max: return bits(a.isNaN ? a : b.isNaN ? b : a == b ? (a.sign == .minus ? b : a) : a > b ? a : b)
    case .min: return bits(a.isNaN ? a : b.isNaN ? b : a == b ? (a.sign == .minus ? a : b) : a < b ? a : b)
    case .pow: return bits(T(Glibc.pow(Double(a), Double(b))))
    case .atan2: return bits(T(Glibc.atan2(Double(a), Double(b))))
    case .eq: return a == b ? 1 : 0
    case .ne: return a != b ? 1 : 0
    case .lt: return a < b ? 1 : 0
    case .le: return a <= b ? 1 : 0
    case .gt: return a > b ? 1 : 0
    case .ge: return a >= b ? 1 : 0
    case .and, .or, .xor, .shl, .shr: return 0
    }
  }

  /// Integers, in `T` so that u64 divides and compares without a sign.
  private func integer<T: FixedWidthInteger>(_ a: T, _ b: T, _ dtype: DType) -> Int64 {
    func wrapped(_ value: T) -> Int64 { ScalarBits.integer(Int64(truncatingIfNeeded: value), dtype) }
    switch self {
    case .add: return wrapped(a &+ b)
    case .sub: return wrapped(a &- b)
    case .mul: return wrapped(a &* b)
    case .div: return b == 0 ? 0 : wrapped(a.dividedReportingOverflow(by: b).partialValue)
    case .rem: return b == 0 ? 0 : wrapped(a.remainderReportingOverflow(dividingBy: b).partialValue)
    case .floorDiv, .mod:
      if b == 0 { return 0 }
      let quotient = a.dividedReportingOverflow(by: b).partialValue
      let remainder = a.remainderReportingOverflow(dividingBy: b).partialValue
      let isDown = remainder != 0 && (remainder < 0) != (b < 0)
      return self == .mod ? wrapped(isDown ? remainder &+ b : remainder) : wrapped(isDown ? quotient &- 1 : quotient)
    case .max: return wrapped(Swift.max(a, b))
    case .min: return wrapped(Swift.min(a, b))
    case .pow: return Self.power(a, b, dtype)
    case .atan2: return 0
    case .eq: return a == b ? 1 : 0
    case .ne: return a != b ? 1 : 0
    case .lt: return a < b ? 1 : 0
    case .le: return a <= b ? 1 : 0
    case .gt: return a > b ? 1 : 0
    case .ge: return a >= b ? 1 : 0
    case .and: return wrapped(a & b)
    case .or: return wrapped(a | b)
    case .xor: return wrapped(a ^ b)
    case .shl:
      let count = UInt64(truncatingIfNeeded: b)
      return count >= UInt64(dtype.bits) ? 0 : wrapped(a &<< b)
    case .shr:
      // A negative count reads as a huge one.
      let count = UInt64(truncatingIfNeeded: b)
      return wrapped(count >= UInt64(dtype.bits) ? (a < 0 ? ~0 : 0) : a &>> b)
    }
  }

  private static func power<T: FixedWidthInteger>(_ base: T, _ exponent: T, _ dtype: DType) -> Int64 {
    if exponent < 0 {
      if base == 1 { return 1 }
      // Only -1 has a reciprocal that does not truncate to 0.
      return base &+ 1 == 0 ? (exponent & 1 == 0 ? 1 : -1) : 0
    }
    var (result, square, rest): (T, T, T) = (1, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result = result &* square }
      square = square &* square
      rest >>= 1
    }
    return ScalarBits.integer(Int64(truncatingIfNeeded: result), dtype)
  }
}

extension Combiner {
  /// The function of two operands that combines.
  package var function: BinaryFunction {
    switch self {
    case .sum: .add
    case .product: .mul
    case .max: .max
    case .min: .min
    case .and: .and
    case .or: .or
    }
  }

  /// Whether `new` replaces `old` where the index of the extreme is kept; NaN wins over every number.
  func replaces(_ new: Int64, _ old: Int64, _ dtype: DType, lastIndex: Bool) -> Bool {
    if dtype.isFloat {
      let (x, y) = (ScalarBits.real(new, dtype), ScalarBits.real(old, dtype))
      if x.isNaN || y.isNaN { return x.isNaN && (lastIndex || !y.isNaN) }
    }
    let better: BinaryFunction = self == .max ? .gt : .lt
    if better.evaluate(new, old, dtype) != 0 { return true }
    return lastIndex && BinaryFunction.eq.evaluate(new, old, dtype) != 0
  }
}
