// SPDX-License-Identifier: Apache-2.0
// Rounding f32 expressions to the values of the half-precision types, for conversions whose result is not stored.

import KernelIR
import TensorCore

/// An f32 expression rounded to the nearest f16 value, ties to even; beyond the range infinite.
func roundedToHalf(_ x: Expr) -> Expr {
  func bits(_ value: Int) -> Expr { .int(value, .u32) }
  let pattern = Expr(.bitcast(x), .u32)
  let sign = Expr.binary(.and, pattern, bits(0x8000_0000))
  let magnitude = Expr.binary(.and, pattern, bits(0x7FFF_FFFF))
  // 13 fraction bits go: add half of the last kept one, less one for even, and cut.
  let even = Expr.binary(.and, .binary(.shr, magnitude, bits(13)), bits(1))
  let normal = Expr.binary(.and, magnitude + bits(0xFFF) + even, bits(0x7FFF_E000))
  // Below 2⁻¹⁴ the values are multiples of 2⁻²⁴, the distance of neighbours of 0.5.
  let small = (Expr(.bitcast(magnitude), .f32) + 0.5) - 0.5
  let isSmall = Expr.less(magnitude, bits(0x3880_0000))
  let finite = Expr.select(isSmall, Expr(.bitcast(small), .u32), normal)
  let isLarge = Expr.less(bits(0x477F_EFFF), magnitude)
  let rounded = Expr.binary(.or, sign, .select(isLarge, bits(0x7F80_0000), finite))
  return .select(.unary(.isNaN, x), x, Expr(.bitcast(rounded), .f32))
}

/// An f32 expression rounded to the nearest bf16 value, ties to even.
func roundedToBFloat(_ x: Expr) -> Expr {
  func bits(_ value: Int) -> Expr { .int(value, .u32) }
  let pattern = Expr(.bitcast(x), .u32)
  let even = Expr.binary(.and, .binary(.shr, pattern, bits(16)), bits(1))
  let rounded = Expr.binary(.and, pattern + bits(0x7FFF) + even, bits(0xFFFF_0000))
  return .select(.unary(.isNaN, x), x, Expr(.bitcast(rounded), .f32))
}

extension Expr {
  /// What a store to a half-precision type may store instead, since it rounds by itself: `x` where this is `x` rounded
  /// to that type, else this.
  package func unrounded(for dtype: DType) -> Expr {
    guard dtype == .bf16 || dtype == .f16, case .select(_, let x, _) = kind else { return self }
    return self == (dtype == .bf16 ? roundedToBFloat(x) : roundedToHalf(x)) ? x : self
  }
}
