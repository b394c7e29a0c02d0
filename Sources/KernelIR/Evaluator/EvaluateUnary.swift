// SPDX-License-Identifier: Apache-2.0
// The values of functions of one operand. Transcendental functions of f32 are those of f64 rounded once.

import TensorCore

import Glibc

extension UnaryFunction {
  /// The value for an operand in `ScalarBits` form.
  func evaluate(_ x: Int64, _ dtype: DType) -> Int64 {
    if dtype.isFloat { return evaluate(real: x, dtype) }
    switch self {
    case .neg: return ScalarBits.integer(0 &- x, dtype)
    case .abs: return dtype.isSigned && x < 0 ? ScalarBits.integer(0 &- x, dtype) : x
    case .sign: return x == 0 ? 0 : dtype.isSigned && x < 0 ? -1 : 1
    case .not: return x == 0 ? 1 : 0
    case .bitNot: return ScalarBits.integer(~x, dtype)
    default: return 0
    }
  }

  private func evaluate(real bits: Int64, _ dtype: DType) -> Int64 {
    let x = ScalarBits.real(bits, dtype)
    switch self {
    case .neg: return bits ^ (dtype == .f64 ? .min : 0x8000_0000)
    case .abs: return bits & (dtype == .f64 ? .max : 0x7FFF_FFFF)
    case .isNaN: return x.isNaN ? 1 : 0
    case .isInf: return x.isInfinite ? 1 : 0
    default: return ScalarBits.rounded(Self.real(self, x), dtype)
    }
  }

  private static func real(_ function: UnaryFunction, _ x: Double) -> Double {
    switch function {
    case .neg: -x
    case .abs: Swift.abs(x)
    case .sign: x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x
    case .floor: x.rounded(.down)
    case .ceil: x.rounded(.up)
    case .trunc: x.rounded(.towardZero)
    case .round: x.rounded(.toNearestOrEven)
    case .sqrt: x.squareRoot()
    case .reciprocal: 1 / x
    case .exp: Glibc.exp(x)
    case .expm1: Glibc.expm1(x)
    case .log: Glibc.log(x)
    case .log1p: Glibc.log1p(x)
    case .log2: Glibc.log2(x)
    case .sin: Glibc.sin(x)
    case .cos: Glibc.cos(x)
    case .tan: Glibc.tan(x)
    case .asin: Glibc.asin(x)
    case .acos: Glibc.acos(x)
    case .atan: Glibc.atan(x)
    case .sinh: Glibc.sinh(x)
    case .cosh: Glibc.cosh(x)
    case .tanh: Glibc.tanh(x)
    case .asinh: Glibc.asinh(x)
    case .acosh: Glibc.acosh(x)
    case .atanh: Glibc.atanh(x)
    case .erf: Glibc.erf(x)
    case .erfc: Glibc.erfc(x)
    case .sigmoid: sigmoid(x)
    case .softplus: softplus(x)
    // Φ through erfc: no cancellation for negative x.
    case .gelu: x * 0.5 * Glibc.erfc(-x * 0.5.squareRoot())
    case .silu: x * sigmoid(x)
    case .mish: x * Glibc.tanh(softplus(x))
    case .isNaN, .isInf, .not, .bitNot: 0
    }
  }

  private static func sigmoid(_ x: Double) -> Double { 1 / (1 + Glibc.exp(-x)) }

  /// Without overflow for large x, and exact to rounding for very negative x.
  private static func softplus(_ x: Double) -> Double { Swift.max(x, 0) + Glibc.log1p(Glibc.exp(-Swift.abs(x))) }
}
