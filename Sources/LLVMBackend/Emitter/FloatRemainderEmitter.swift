// SPDX-License-Identifier: Apache-2.0
// The exact remainder of floats (C's fmod), by long division of the significands.

import KernelIR

extension KernelEmitter {
  /// `a - b · floor(a / b)` with one rounding: the exact remainder moved to the divisor's sign.
  func floatModulo(_ p: Value, _ q: Value) -> Value {
    let (p, q) = b.matched(p, q)
    let zero = b.zero(p.type)
    let r = floatRemainder(p, q)
    let differs = b.xor(b.compare(.flt, r, zero), b.compare(.flt, q, zero))
    let moved = b.select(differs, b.add(r, q), r)
    return b.select(b.compare(.feq, r, zero), b.copysign(zero, sign: q), moved)
  }

  /// The remainder with the sign of the dividend.
  func floatRemainder(_ p: Value, _ q: Value) -> Value {
    let (p, q) = b.matched(p, q)
    let type = p.type
    let integer = type.with(type.scalar.integer)
    let significand = type.scalar == .f64 ? 52 : 23
    func int(_ value: Int64) -> Value { b.int(value, integer) }
    let magnitudes = int(type.scalar == .f64 ? .max : 0x7FFF_FFFF)
    let (x, y) = (b.and(b.bitcast(p, integer), magnitudes), b.and(b.bitcast(q, integer), magnitudes))
    let hidden = int(1 << Int64(significand))
    let (one, zero) = (int(1), int(0))

    /// Leading zeros before a significand's place.
    func missing(_ value: Value) -> Value {
      let no = b.zero(.i1)
      let zeros = b.intrinsic("llvm.ctlz", [integer], [value, no], integer)
      return b.sub(zeros, int(Int64(integer.scalar.bits - 1 - significand)))
    }
    /// Significand with its leading one in place, and exponent, also of subnormal numbers.
    func parts(_ value: Value) -> (Value, Value) {
      let exponent = b.lshr(value, int(Int64(significand)))
      let fraction = b.and(value, b.sub(hidden, one))
      let isSubnormal = b.compare(.eq, exponent, zero)
      // A zero has nothing to move; its result is replaced below.
      let shift = b.select(b.and(isSubnormal, b.compare(.ne, fraction, zero)), missing(fraction), zero)
      return (
        b.select(isSubnormal, b.shl(fraction, shift), b.or(fraction, hidden)),
        b.select(isSubnormal, b.sub(one, shift), exponent)
      )
    }
    let (m, e) = parts(x)
    let (n, f) = parts(y)
    // One step of long division per bit between the exponents, while any lane has one left.
    let (before, head, end) = (b.current, b.block(), b.block())
    b.jump(head)
    b.move(to: head)
    let rest = b.phi(integer)
    let count = b.phi(integer)
    let isActive = b.compare(.sgt, count, zero)
    let difference = b.sub(rest, n)
    let reduced = b.select(b.compare(.slt, difference, zero), rest, difference)
    let next = b.select(isActive, b.shl(reduced, one), rest)
    b.add(incoming: m, from: before, to: rest)
    b.add(incoming: next, from: head, to: rest)
    b.add(incoming: b.sub(e, f), from: before, to: count)
    b.add(incoming: b.sub(count, one), from: head, to: count)
    b.jump(any(isActive), head, end)
    b.move(to: end)
    let last = b.sub(rest, n)
    let left = b.select(b.compare(.slt, last, zero), rest, last)
    // Back to a float with the divisor's exponent.
    let shift = b.select(b.compare(.ne, left, zero), missing(left), zero)
    let exponent = b.sub(f, shift)
    let isNormal = b.compare(.sgt, exponent, zero)
    let safeShift = b.select(isNormal, shift, zero)
    let fraction = b.and(b.shl(left, safeShift), b.sub(hidden, one))
    let normal = b.or(fraction, b.shl(b.select(isNormal, exponent, zero), int(Int64(significand))))
    let down = b.select(b.compare(.slt, f, one), b.sub(one, f), zero)
    let up = b.select(b.compare(.sgt, f, one), b.sub(f, one), zero)
    let tooFar = int(Int64(integer.scalar.bits - 1))
    func bounded(_ count: Value) -> Value { b.select(b.compare(.ult, count, tooFar), count, tooFar) }
    let subnormal = b.shl(b.lshr(left, bounded(down)), bounded(up))
    let bits = b.select(b.compare(.eq, left, zero), zero, b.select(isNormal, normal, subnormal))
    let result = b.copysign(b.bitcast(bits, type), sign: p)
    let isSmaller = b.compare(.slt, x, y)
    let infinity = b.bitcast(b.real(.infinity, type), integer)
    let isInvalid = b.or(
      b.compare(.eq, y, zero), b.or(b.compare(.sge, x, infinity), b.compare(.sgt, y, infinity)))
    return b.select(isInvalid, b.real(.nan, type), b.select(isSmaller, p, result))
  }

  /// Whether any lane is true.
  func any(_ condition: Value) -> Value {
    guard condition.type.isVector else { return condition }
    return b.anyLane(condition)
  }
}
