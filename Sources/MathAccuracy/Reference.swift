// SPDX-License-Identifier: Apache-2.0
// What functions should give, by libm in a higher precision and formulas without cancellation.

import Glibc
import KernelIR

/// Exact values of f32 functions, to about 2^-50. Where a function is x times something that vanishes at -∞, its value
/// there is the limit -0.
package func referenceForSingle(_ function: UnaryFunction) -> (@Sendable (Double) -> Double)? {
  switch function {
  case .exp: { exp($0) }
  case .expm1: { expm1($0) }
  case .log: { log($0) }
  case .log1p: { log1p($0) }
  case .log2: { log2($0) }
  case .sin: { sin($0) }
  case .cos: { cos($0) }
  case .tan: { tan($0) }
  case .asin: { asin($0) }
  case .acos: { acos($0) }
  case .atan: { atan($0) }
  case .sinh: { sinh($0) }
  case .cosh: { cosh($0) }
  case .tanh: { tanh($0) }
  case .asinh: { asinh($0) }
  case .acosh: { acosh($0) }
  case .atanh: { atanh($0) }
  case .erf: { erf($0) }
  case .erfc: { erfc($0) }
  case .sigmoid: { sigmoid($0) }
  case .softplus: { ($0 > 0 ? $0 : 0) + log1p(exp(-abs($0))) }
  // erfc's argument is rounded once: at most 2^-46 of the value for the arguments whose value is not 0.
  case .gelu: { $0 == -.infinity ? -0.0 : $0 * 0.5 * erfc(-$0 * 0.5.squareRoot()) }
  case .silu: { $0 == -.infinity ? -0.0 : $0 * sigmoid($0) }
  case .mish: { mish($0) }
  case .sqrt: { $0.squareRoot() }
  case .reciprocal: { 1 / $0 }
  default: nil
  }
}

private func sigmoid(_ x: Double) -> Double {
  let e = exp(-abs(x))
  return (x < 0 ? e : 1) / (1 + e)
}

/// tanh(log(1 + e^x)) is (e² + 2e) / (e² + 2e + 2) with e = e^x; divided by e^2x for positive x.
private func mish(_ x: Double) -> Double {
  if x == -.infinity { return -0.0 }
  let e = exp(-abs(x))
  return x < 0 ? x * (e * (e + 2)) / (e * (e + 2) + 2) : x * ((1 + 2 * e) / (1 + 2 * e + 2 * e * e))
}

#if arch(x86_64)
  /// Exact values of f64 functions, to about 2^-62.
  package func referenceForDouble(_ function: UnaryFunction) -> (@Sendable (Float80) -> Float80)? {
    switch function {
    case .exp: { expl($0) }
    case .expm1: { expm1l($0) }
    case .log: { logl($0) }
    case .log1p: { log1pl($0) }
    case .log2: { log2l($0) }
    case .sin: { sinl($0) }
    case .cos: { cosl($0) }
    case .tan: { tanl($0) }
    case .asin: { asinl($0) }
    case .acos: { acosl($0) }
    case .atan: { atanl($0) }
    case .sinh: { sinhl($0) }
    case .cosh: { coshl($0) }
    case .tanh: { tanhl($0) }
    case .asinh: { asinhl($0) }
    case .acosh: { acoshl($0) }
    case .atanh: { atanhl($0) }
    case .erf: { erfl($0) }
    case .erfc: { erfcl($0) }
    case .sigmoid: { sigmoid($0) }
    case .softplus: { ($0 > 0 ? $0 : 0) + log1pl(expl(-abs($0))) }
    case .gelu: { $0 * 0.5 * erfcl(-$0 * Float80(0.5).squareRoot()) }
    case .silu: { $0 * sigmoid($0) }
    case .mish: { mish($0) }
    default: nil
    }
  }

  private func sigmoid(_ x: Float80) -> Float80 {
    let e = expl(-abs(x))
    return (x < 0 ? e : 1) / (1 + e)
  }

  private func mish(_ x: Float80) -> Float80 {
    let e = expl(-abs(x))
    return x < 0 ? x * (e * (e + 2)) / (e * (e + 2) + 2) : x * ((1 + 2 * e) / (1 + 2 * e + 2 * e * e))
  }
#endif
