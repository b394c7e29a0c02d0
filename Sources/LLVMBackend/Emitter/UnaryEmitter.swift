// SPDX-License-Identifier: Apache-2.0
// Functions of one operand that are a few instructions; the transcendental ones are in Math.

import KernelIR
import TensorCore

extension KernelEmitter {
  func emitUnary(_ function: UnaryFunction, _ x: Value, _ dtype: DType) -> Value {
    let type = x.type
    switch function {
    case .neg: return b.neg(x)
    case .abs:
      if type.isFloat { return b.abs(x) }
      return dtype.isSigned ? b.select(b.compare(.slt, x, b.zero(type)), b.neg(x), x) : x
    case .sign: return sign(x, dtype)
    case .floor: return b.intrinsic("llvm.floor", [type], [x], type)
    case .ceil: return b.intrinsic("llvm.ceil", [type], [x], type)
    case .trunc: return b.intrinsic("llvm.trunc", [type], [x], type)
    case .round: return b.intrinsic("llvm.nearbyint", [type], [x], type)
    case .sqrt: return b.sqrt(x)
    case .reciprocal: return b.div(b.real(1, type), x)
    case .isNaN: return b.compare(.unordered, x, x)
    case .isInf: return b.compare(.feq, b.abs(x), b.real(.infinity, type))
    case .not, .bitNot: return b.not(x)
    case .exp, .expm1, .log, .log1p, .log2, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .tanh, .asinh, .acosh,
      .atanh, .erf, .erfc, .sigmoid, .softplus, .gelu, .silu, .mish:
      guard type.isFloat, let result = MathEmitter(b).unary(function, x) else {
        fail("there is no '\(function.rawValue)' of '\(dtype)'")
        return x
      }
      return result
    }
  }

  private func sign(_ x: Value, _ dtype: DType) -> Value {
    let zero = b.zero(x.type)
    if x.type.isFloat {
      let one = b.copysign(b.real(1, x.type), sign: x)
      // NaN stays NaN and both zeros give 0.
      let magnitude = b.select(b.compare(.feq, x, zero), zero, one)
      return b.select(b.compare(.unordered, x, x), x, magnitude)
    }
    let one = b.int(1, x.type)
    guard dtype.isSigned else { return b.select(b.compare(.ne, x, zero), one, zero) }
    let negative = b.select(b.compare(.slt, x, zero), b.int(-1, x.type), zero)
    return b.select(b.compare(.sgt, x, zero), one, negative)
  }
}
