// SPDX-License-Identifier: Apache-2.0
// Mathematical functions as instructions, without a call: accurate over the whole range of their type.

import KernelIR

/// Emits functions of f32 and f64 scalars and vectors of any number of lanes.
///
/// f32 functions are within 2 ULP of the exact value for every input, f64 functions within 4; special values, signed
/// zeros, subnormal numbers and overflow are as in C's `math.h`. `silu`, `gelu` and `mish` give their limit -0 at -∞.
/// Functions for which `endsBlock` is true branch or loop inside, so that the builder is in another block afterwards.
package struct MathEmitter {
  let builder: Builder

  package init(_ builder: Builder) { self.builder = builder }

  /// A function that is not a plain instruction or intrinsic; nil for those that are.
  package func unary(_ function: UnaryFunction, _ x: Value) -> Value? {
    let operand = Lanes(x, builder)
    if x.type.scalar == .f64 { return WideMath(.double).unary(function, operand)?.value }
    if builder.target.hasFMA, let result = SingleMath().unary(function, operand) { return result.value }
    return WideMath(.single).unary(function, operand.wide)?.narrow.value
  }

  /// Whether emitting the function leaves the current block.
  package static func endsBlock(_ function: UnaryFunction) -> Bool {
    function == .sin || function == .cos || function == .tan
  }

  /// Whether emitting the function leaves the current block.
  package static func endsBlock(_ function: BinaryFunction) -> Bool { function == .rem || function == .mod }

  /// C's `pow`.
  package func pow(_ a: Value, _ b: Value) -> Value {
    binary(a, b) { $0.pow($1, $2) }
  }

  /// C's `atan2(y, x)`.
  package func atan2(_ y: Value, _ x: Value) -> Value {
    binary(y, x) { $0.atan2($1, $2) }
  }

  /// C's `fmod`: exact, with the sign of the dividend.
  package func rem(_ a: Value, _ b: Value) -> Value {
    binary(a, b) { $0.rem($1, $2) }
  }

  /// a - b · floor(a / b), with the sign of the divisor, computed from the exact remainder.
  package func mod(_ a: Value, _ b: Value) -> Value {
    binary(a, b) { math, a, b in
      let rest = math.rem(a, b)
      let opposite = (rest != 0) & ((rest < 0) ^ (b < 0))
      return opposite.select(rest + b, (rest == 0).select(rest.real(0).signed(as: b), rest))
    }
  }

  private func binary(_ a: Value, _ b: Value, _ emit: (WideMath, Lanes, Lanes) -> Lanes) -> Value {
    let (a, b) = builder.matched(a, b)
    let (x, y) = (Lanes(a, builder), Lanes(b, builder))
    if a.type.scalar == .f64 { return emit(WideMath(.double), x, y).value }
    return emit(WideMath(.single), x.wide, y.wide).narrow.value
  }
}

/// Functions computed in f64. For a result in f32 the relative error is below 2^-30, so that rounding decides; the
/// operand is then a widened f32, of which the formulas take advantage (squares are exact, exponents small).
struct WideMath {
  enum Precision { case single, double }

  let precision: Precision

  init(_ precision: Precision) { self.precision = precision }

  var isDouble: Bool { precision == .double }

  func unary(_ function: UnaryFunction, _ x: Lanes) -> Lanes? {
    switch function {
    case .exp: exp(x)
    case .expm1: expm1(x)
    case .log: log(x)
    case .log1p: log1p(x)
    case .log2: log2(x)
    case .sin: sin(x)
    case .cos: cos(x)
    case .tan: tan(x)
    case .asin: asin(x)
    case .acos: acos(x)
    case .atan: atan(x)
    case .sinh: sinh(x)
    case .cosh: cosh(x)
    case .tanh: tanh(x)
    case .asinh: asinh(x)
    case .acosh: acosh(x)
    case .atanh: atanh(x)
    case .erf: erf(x)
    case .erfc: erfc(x)
    case .sigmoid: sigmoid(x)
    case .softplus: softplus(x)
    case .gelu: gelu(x)
    case .silu: silu(x)
    case .mish: mish(x)
    case .neg, .abs, .sign, .floor, .ceil, .trunc, .round, .sqrt, .reciprocal, .isNaN, .isInf, .not, .bitNot: nil
    }
  }
}
