// SPDX-License-Identifier: Apache-2.0
// Conversions between element types, and between stored and computed ones.

import KernelIR
import TensorCore

extension KernelEmitter {
  /// A cast between compute types, as `Expr.Kind.cast` defines it.
  func convert(_ x: Value, from source: DType, to target: DType) -> Value {
    let scalar = target.register
    if source == target { return x }
    if target == .f16 || target == .bf16 || target == .i4 || target == .u4 {
      fail("a cast to '\(target)', which exists in memory only")
      return b.zero(x.type.with(scalar))
    }
    if target == .bool {
      return source.isFloat ? b.compare(.fne, x, b.zero(x.type)) : b.compare(.ne, x, b.zero(x.type))
    }
    switch (source.isFloat, target.isFloat) {
    case (true, true): return source.bits > target.bits ? b.fptrunc(x, scalar) : b.fpext(x, scalar)
    case (true, false): return saturated(x, target)
    case (false, true): return source.isSigned ? b.sitofp(x, scalar) : b.uitofp(x, scalar)
    case (false, false):
      if x.type.scalar.bits > scalar.bits { return b.trunc(x, scalar) }
      return source.isSigned ? b.sext(x, scalar) : b.zext(x, scalar)
    }
  }

  /// A float rounded toward zero to an integer type, with its limits for what lies beyond and 0 for NaN. The plain
  /// conversion gives anything there, and is then not chosen.
  private func saturated(_ x: Value, _ target: DType) -> Value {
    let type = x.type.with(target.register)
    let bits = target.bits
    let unsigned = !target.isSigned
    let converted = unsigned ? b.fptoui(x, type.scalar) : b.fptosi(x, type.scalar)
    // 2ⁿ is a float exactly; the largest integers are not.
    let limit = b.real(Double(sign: .plus, exponent: unsigned ? bits : bits - 1, significand: 1), x.type)
    let high = b.int(target.integerRange?.high ?? 0, type)
    let low = b.int(target.integerRange?.low ?? 0, type)
    let capped = b.select(b.compare(.fge, x, limit), high, converted)
    if unsigned {
      // Also false for NaN.
      return b.select(b.compare(.fgt, x, b.zero(x.type)), capped, b.zero(type))
    }
    let bounded = b.select(b.compare(.flt, x, b.neg(limit)), low, capped)
    return b.select(b.compare(.unordered, x, x), b.zero(type), bounded)
  }

  /// The memory type of one element; 4-bit types are packed two to an i8.
  func storage(_ dtype: DType) -> Scalar {
    switch dtype {
    case .f16, .bf16: .i16
    case .bool, .i4, .u4: .i8
    default: dtype.register
    }
  }

  /// A stored element as a value of the compute type; 4-bit elements are already unpacked.
  func decode(_ x: Value, _ dtype: DType) -> Value {
    switch dtype {
    case .bool: b.compare(.ne, x, b.zero(x.type))
    case .f16: halfToFloat(x)
    case .bf16: b.bitcast(b.shl(b.zext(x, .i32), b.int(16, x.type.with(.i32))), x.type.with(.f32))
    default: x
    }
  }

  /// A value of the compute type as it is stored.
  func encode(_ x: Value, _ dtype: DType) -> Value {
    switch dtype {
    case .bool: b.zext(x, .i8)
    case .f16: floatToHalf(x)
    case .bf16: floatToBFloat(x)
    default: x
    }
  }

  private func halfToFloat(_ x: Value) -> Value {
    if b.target.features.contains(.f16c) || !isX86 { return b.fpext(b.bitcast(x, x.type.with(.f16)), .f32) }
    let type = x.type.with(.i32)
    let bits = b.zext(x, .i32)
    let magnitude = b.shl(b.and(bits, b.int(0x7FFF, type)), b.int(13, type))
    // Scaled by 2¹¹² as a float the exponent is right, also for subnormal halves; infinity and NaN keep theirs full.
    let scaled = b.mul(b.bitcast(magnitude, x.type.with(.f32)), b.real(0x1p112, x.type.with(.f32)))
    let isFull = b.compare(.uge, magnitude, b.int(0x0F80_0000, type))
    let full = b.or(magnitude, b.int(0x7F80_0000, type))
    let sign = b.shl(b.and(bits, b.int(0x8000, type)), b.int(16, type))
    return b.bitcast(b.or(sign, b.select(isFull, full, b.bitcast(scaled, type))), x.type.with(.f32))
  }

  private func floatToHalf(_ x: Value) -> Value {
    if b.target.features.contains(.f16c) || !isX86 { return b.bitcast(b.fptrunc(x, .f16), x.type.with(.i16)) }
    let type = x.type.with(.i32)
    func int(_ value: Int64) -> Value { b.int(value, type) }
    let bits = b.bitcast(x, type)
    let magnitude = b.and(bits, int(0x7FFF_FFFF))
    let sign = b.lshr(b.and(bits, int(0x8000_0000)), int(16))
    // Subnormal halves: adding 0.5 leaves the rounded significand in the low bits.
    let half = b.add(b.bitcast(magnitude, x.type), b.real(0.5, x.type))
    let subnormal = b.sub(b.bitcast(half, type), int(0x3F00_0000))
    // Normal ones: to nearest even by adding just under half a step, plus one when the kept part is odd.
    let isOdd = b.and(b.lshr(magnitude, int(13)), int(1))
    let rebased = b.add(b.add(magnitude, int(0xFFF - (112 << 23))), isOdd)
    let normal = b.lshr(rebased, int(13))
    let finite = b.select(b.compare(.ult, magnitude, int(113 << 23)), subnormal, normal)
    let isNaN = b.compare(.ugt, magnitude, int(0x7F80_0000))
    let isBig = b.compare(.uge, magnitude, int(0x477F_F000))
    let quiet = b.or(int(0x7E00), b.and(b.lshr(magnitude, int(13)), int(0x1FF)))
    let result = b.select(isNaN, quiet, b.select(isBig, int(0x7C00), finite))
    return b.trunc(b.or(result, sign), .i16)
  }

  private func floatToBFloat(_ x: Value) -> Value {
    let type = x.type.with(.i32)
    let bits = b.bitcast(x, type)
    let isOdd = b.and(b.lshr(bits, b.int(16, type)), b.int(1, type))
    let rounded = b.lshr(b.add(bits, b.add(isOdd, b.int(0x7FFF, type))), b.int(16, type))
    let quiet = b.or(b.lshr(bits, b.int(16, type)), b.int(0x40, type))
    return b.trunc(b.select(b.compare(.unordered, x, x), quiet, rounded), .i16)
  }

  private var isX86: Bool {
    #if arch(x86_64)
      true
    #else
      false
    #endif
  }
}
