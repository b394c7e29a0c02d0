// SPDX-License-Identifier: Apache-2.0
// Integer division, remainders and powers, defined for every operand.

import KernelIR
import TensorCore

extension KernelEmitter {
  /// `div`, `rem`, `floorDiv` or `mod` of integers. `isExactInDouble` tells that i64 operands are below 2⁵³.
  func integerDivision(
    _ function: BinaryFunction, _ p: Value, _ q: Value, _ dtype: DType, isExactInDouble: Bool
  ) -> Value {
    let divisor = b.constant(q)
    let (x, y) = b.matched(p, q)
    let (type, isSigned) = (x.type, dtype.isSigned)
    let (zero, one) = (b.zero(type), b.int(1, type))
    let isZero = b.compare(.eq, y, zero)
    var quotient: Value
    if let divisor, divisor != 0, divisor != -1 || !isSigned {
      quotient = isSigned ? b.sdiv(x, y) : b.udiv(x, y)
    } else {
      let isMinusOne = b.compare(.eq, y, b.int(-1, type))
      var safe = b.select(isZero, one, y)
      if isSigned { safe = b.select(isMinusOne, one, safe) }
      quotient = safeQuotient(x, safe, isSigned, isExactInDouble: isExactInDouble)
      if isSigned { quotient = b.select(isMinusOne, b.neg(x), quotient) }
      quotient = b.select(isZero, zero, quotient)
    }
    if function == .div { return quotient }
    let product = b.mul(quotient, y)
    let remainder = b.select(isZero, zero, b.sub(x, product))
    if function == .rem { return remainder }
    guard isSigned else { return function == .mod ? remainder : quotient }
    // Rounded toward zero where it should be down: a remainder whose sign is not the divisor's.
    let differs = b.compare(.slt, b.xor(remainder, y), zero)
    let isDown = b.and(b.compare(.ne, remainder, zero), differs)
    return function == .mod
      ? b.select(isDown, b.add(remainder, y), remainder) : b.select(isDown, b.sub(quotient, one), quotient)
  }

  /// A division that cannot trap. Processors have none for vectors, but a float of twice the precision gives the exact
  /// quotient: it is never rounded up to an integer.
  private func safeQuotient(_ x: Value, _ y: Value, _ isSigned: Bool, isExactInDouble: Bool) -> Value {
    let bits = x.type.scalar.bits
    guard x.type.isVector, bits < 64 || isExactInDouble else { return isSigned ? b.sdiv(x, y) : b.udiv(x, y) }
    let float: Scalar = bits <= 16 ? .f32 : .f64
    if isSigned { return b.fptosi(b.div(b.sitofp(x, float), b.sitofp(y, float)), x.type.scalar) }
    return b.fptoui(b.div(b.uitofp(x, float), b.uitofp(y, float)), x.type.scalar)
  }

  /// By repeated squaring; negative exponents give the reciprocal truncated toward zero.
  func integerPower(_ base: Value, _ exponent: Value, _ dtype: DType) -> Value {
    let type = base.type
    let (zero, one) = (b.zero(type), b.int(1, type))
    let bits = dtype.isSigned ? type.scalar.bits - 1 : type.scalar.bits
    let results = b.loop(
      from: b.int(0), to: b.int(bits), step: b.int(1), carrying: [b.broadcast(one, type.lanes), base, exponent]
    ) { _, values in
      let (result, square, rest) = (values[0], values[1], values[2])
      let isOdd = b.compare(.ne, b.and(rest, one), zero)
      return [b.select(isOdd, b.mul(result, square), result), b.mul(square, square), b.lshr(rest, one)]
    }
    guard dtype.isSigned else { return results[0] }
    let isOdd = b.compare(.ne, b.and(exponent, one), zero)
    let minusOne = b.int(-1, type)
    let ofMinusOne = b.select(b.compare(.eq, base, minusOne), b.select(isOdd, minusOne, one), zero)
    let reciprocal = b.select(b.compare(.eq, base, one), one, ofMinusOne)
    return b.select(b.compare(.slt, exponent, zero), reciprocal, results[0])
  }
}
