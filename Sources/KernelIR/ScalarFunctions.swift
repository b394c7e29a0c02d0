// SPDX-License-Identifier: Apache-2.0
// The closed set of scalar functions. Printer, evaluator and LLVM emitter switch over them exhaustively, so the
// compiler leads whoever adds one to every place that must know it.

/// Functions of one operand. Floats follow IEEE 754; each is accurate to a few ULP and exact at special values.
package enum UnaryFunction: String, CaseIterable, Sendable {
  // Any number; integers wrap.
  case neg, abs, sign
  // Floats.
  case floor, ceil, trunc
  /// To nearest, ties to even.
  case round
  case sqrt, reciprocal
  case exp, expm1, log, log1p, log2
  case sin, cos, tan, asin, acos, atan
  case sinh, cosh, tanh, asinh, acosh, atanh
  case erf, erfc
  /// 1 / (1 + exp(-x))
  case sigmoid
  /// log(1 + exp(x))
  case softplus
  /// x · Φ(x) with the normal distribution function Φ
  case gelu
  /// x · sigmoid(x)
  case silu
  /// x · tanh(softplus(x))
  case mish
  /// Float to bool.
  case isNaN, isInf
  /// Bool.
  case not
  /// Integers: every bit.
  case bitNot
}

/// Functions of two operands of the same type.
package enum BinaryFunction: String, CaseIterable, Sendable {
  // Any number. Integers wrap. Integer division truncates; by zero it gives 0, the smallest integer by -1 wraps.
  case add, sub, mul, div
  /// Integers and floats: floor(a / b), and a - b · floor(a / b), the remainder with the sign of the divisor. Zero
  /// divisors give 0 for integers.
  case floorDiv, mod
  /// The remainder with the sign of the dividend (C's fmod, and % of integers). Zero divisors give 0 for integers.
  case rem
  /// Both propagate NaN (IEEE 754-2019 maximum and minimum).
  case max, min
  /// a to the power b: floats as C's pow; integers by repeated squaring, wrapping, negative exponents as ONNX's
  /// (the real power truncated toward zero).
  case pow
  case atan2
  // Comparisons: the result is bool; any comparison with NaN is false, but `ne` is true.
  case eq, ne, lt, le, gt, ge
  // Bool, or every bit of integers.
  case and, or, xor
  // Integers; counts at or beyond the width give 0 (or the sign for `shr` of a signed type).
  case shl, shr

  package var isComparison: Bool {
    switch self {
    case .eq, .ne, .lt, .le, .gt, .ge: true
    default: false
    }
  }
}

/// How a reduction combines elements. The order is fixed by the kernel's shape and schedule.
package enum Combiner: String, CaseIterable, Sendable {
  case sum, product, max, min, and, or
}
