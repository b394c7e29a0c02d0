// SPDX-License-Identifier: Apache-2.0
// Reference meanings that several operators share: without overflow, and with all digits where values are small.

import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// 1 / (1 + exp(-x))
func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

/// log(1 + exp(x))
func softplus(_ x: Double) -> Double { x.isNaN ? x : (x > 0 ? x : 0) + log1p(exp(-x.magnitude)) }

/// The larger operand; NaN when one is NaN (IEEE 754-2019 maximum, numpy's).
func maximum(_ a: Double, _ b: Double) -> Double { a.isNaN ? a : b.isNaN ? b : a < b ? b : a }

/// The smaller operand; NaN when one is NaN.
func minimum(_ a: Double, _ b: Double) -> Double { a.isNaN ? a : b.isNaN ? b : b < a ? b : a }

/// The order of integers of a type (u64 is kept as its bit pattern).
func isLess(_ a: Int64, _ b: Int64, _ dtype: DType) -> Bool {
  dtype == .u64 ? UInt64(bitPattern: a) < UInt64(bitPattern: b) : a < b
}

extension DType {
  /// The integer of this type nearest to a number, toward zero (u64: its bit pattern); NaN is 0.
  func integer(saturating value: Double) -> Int64 {
    if self == .u64 {
      return Int64(bitPattern: value.isNaN || value <= 0 ? 0 : value >= 0x1p64 ? .max : UInt64(value))
    }
    guard let range = integerRange else { return 0 }
    if self == .bool { return value != 0 ? 1 : 0 }
    return Swift.min(Swift.max(Int64(saturating: value), range.low), range.high)
  }
}
