// SPDX-License-Identifier: Apache-2.0
// The functions that models spend their time in, computed in f32 with FMA.

import KernelIR

/// f32 functions on targets with FMA; the others are computed by `WideMath`.
struct SingleMath {
  func unary(_ function: UnaryFunction, _ x: Lanes) -> Lanes? {
    switch function {
    case .exp: exp(x)
    case .log: log(x)
    case .sigmoid: sigmoid(x)
    case .tanh: tanh(x)
    case .erf: erf(x)
    case .gelu: gelu(x)
    case .silu: silu(x)
    default: nil
    }
  }

  // MARK: exp

  /// (e^r - 1 - r) / r² on |r| <= ln 2 / 2; the error of e^r is 2^-28.3.
  private static let exponential = [0.49999994, 0.166665211, 0.041668389, 0.00836871658, 0.00138146267]

  /// e^(x + rest) = 2^n · (1 + q), n in f32, |q| < 0.42, for a rest that is small against x.
  func exponentialParts(_ x: Lanes, rest: Lanes? = nil) -> (n: Lanes, q: Lanes) {
    let n = (x * 1.44269504).rounded
    // Exact: both are multiples of 2^-24, and the difference is below ½. The rest is added last, to small terms.
    let high = fma(n, -0.693147182, x)
    let low = rest.map { fma(n, 1.90465421e-09, $0) } ?? n * 1.90465421e-09
    let r = high + low
    return (n, high + fma(r * r, r.polynomial(Self.exponential), low))
  }

  /// y · 2^n, rounded once where it is subnormal; |n| <= 250.
  func scaled(_ y: Lanes, _ n: Lanes) -> Lanes {
    let builder = y.builder
    if let width = scaleWidth(builder.target, y.type.lanes) {
      return mapParts(y, n, width.lanes) { y, n in
        var arguments = [y, n, y, builder.int(-1, width.mask)]
        if width.lanes == 16 { arguments.append(builder.int(4, .i32)) }
        return builder.intrinsic("llvm.x86.avx512.mask.scalef.ps.\(width.lanes * 32)", [], arguments, y.type)
      }
    }
    let exponent = Lanes(builder.fptosi(n.value, .i32), builder)
    let half = exponent.arithmeticShiftedRight(1)
    func power(_ n: Lanes) -> Lanes { ((n + n.int(127)) << 23).float }
    return y * power(half) * power(exponent - half)
  }

  /// The registers that AVX-512's scaling by a power of two works on.
  private func scaleWidth(_ target: TargetDescription, _ lanes: Int) -> (lanes: Int, mask: ValueType)? {
    guard target.features.contains(.avx512f) else { return nil }
    if lanes % 16 == 0 && lanes & (lanes - 1) == 0 { return (16, ValueType(.i16)) }
    guard target.features.contains(.avx512vl) else { return nil }
    if lanes == 8 || lanes == 4 { return (lanes, .i8) }
    return nil
  }

  /// Applies an operation on registers of `lanes` lanes to vectors of one or more.
  private func mapParts(_ a: Lanes, _ b: Lanes, _ lanes: Int, _ operation: (Value, Value) -> Value) -> Lanes {
    let builder = a.builder
    func map(_ a: Value, _ b: Value) -> Value {
      if a.lanes <= lanes { return operation(a, b) }
      let half = a.lanes / 2
      return builder.concatenated(
        map(builder.slice(a, 0, half), builder.slice(b, 0, half)),
        map(builder.slice(a, half, half), builder.slice(b, half, half)))
    }
    return Lanes(map(a.value, b.value), builder)
  }

  func exp(_ x: Lanes) -> Lanes {
    let (n, q) = exponentialParts(x.atMost(89).atLeast(-104))
    return scaled(q + 1, n)
  }

  // MARK: log

  /// (log(1 + f) - f + f²/2) / f³ with 1 + f in [√½, √2]; the error of the logarithm is 2^-30.3.
  private static let logarithm = [
    0.333333135, -0.250000089, 0.200021192, -0.166679963, 0.142195538, -0.1240559, 0.118881531, -0.116756313,
    0.067466259,
  ]

  func log(_ x: Lanes) -> Lanes {
    let small = x < 0x1p-126
    let normal = small.select(x * 0x1p23, x)
    let k = (normal.bits - normal.int(0x3F35_04F3)).arithmeticShiftedRight(23)
    let f = (normal.bits - (k << 23)).float - 1
    let e = Lanes(x.builder.sitofp(k.value, .f32), x.builder) - small.select(x.real(23), 0)
    let square = f * f
    let tail = fma(square, -0.5, fma(square * f, f.polynomial(Self.logarithm), e * -2.12194440e-4))
    let result = fma(e, 0.693359375, f + tail)
    let finite = (x == .infinity).select(.infinity, result)
    return (x > 0).select(finite, (x == 0).select(-.infinity, x.real(.nan)))
  }

  // MARK: What exp makes

  func sigmoid(_ x: Lanes) -> Lanes {
    let (n, q) = exponentialParts((-x.magnitude).atLeast(-104))
    let e = scaled(q + 1, n)
    // One step of Newton's on the quotient corrects the roundings of the sum and of the division.
    let top = (x < 0).select(e, 1)
    let bottom = e + 1
    let rest = e - (bottom - 1)
    let inverse = 1 / bottom
    let quotient = top * inverse
    return fma(fma(-quotient, rest, fma(-quotient, bottom, top)), inverse, quotient)
  }

  /// (tanh(x) / x - 1) / x² in x², on |x| <= 0.625; relative error 2^-27.8.
  private static let hyperbolicTangent = [-0.333332807, 0.133314416, -0.0537397154, 0.0206390787, -0.00570497429]

  func tanh(_ x: Lanes) -> Lanes {
    let a = x.magnitude
    let square = x * x
    let small = fma(a * square, square.polynomial(Self.hyperbolicTangent), a)
    let (n, q) = exponentialParts((a * 2).atMost(20))
    let large = 1 - 2 / (scaled(q + 1, n) + 1)
    return (a < 0.625).select(small, large).signed(as: x)
  }

  /// erf(x) / x - 1 in x², on |x| <= 1; relative error 2^-29.6.
  private static let errorCentre = [
    0.128379166, -0.37612626, 0.112835787, -0.0268533472, 0.0051871622, -0.000799785252, 7.80689588e-05,
  ]
  /// -log(erfc(x)) on 1...4; the error of erf is 2^-29.8.
  private static let errorTail = [
    0.000341570325, 1.12708902, 0.638145149, 0.103106469, -0.0218379237, 0.00294762221, -0.000186375313,
  ]

  func erf(_ x: Lanes) -> Lanes {
    let a = x.magnitude
    // The first two terms by themselves: what the others round is small against them.
    let z = a * a
    let others = z.polynomial(Array(Self.errorCentre.dropFirst(2)))
    let small = fma(a, fma(z * z, others, fma(z, Self.errorCentre[1], Self.errorCentre[0])), a)
    // The exponent as a product and its rest.
    let bounded = a.atMost(4)
    let factor = -bounded.polynomial(Array(Self.errorTail.dropFirst()))
    let product = bounded * factor
    let (n, q) = exponentialParts(product, rest: fma(bounded, factor, -product) - Self.errorTail[0])
    let large = 1 - scaled(q + 1, n)
    return (a > 1).select(large, small).signed(as: x)
  }

  // MARK: gelu and silu

  /// (a + 5/2) · e^(a²/2) · erfc(a/√2) / 2 in q - 11/32 with q = a / (a + 5/2), on a in 0...14.98; relative error
  /// 2^-29.2.
  /// The first coefficient is the sum of two; its sum and the next one's are taken with what they round.
  private static let normalTail = [
    0.45811009407043457, 0.21503281593322754, -0.17707747220993042, -0.1459183245897293,
    0.03599521890282631, 0.10790443420410156, 0.05127854645252228, -0.059019360691308975, -0.0784817785024643,
    0.05131625756621361,
  ]
  private static let normalTailStart = (
    high: 0.8546435236930847, low: 1.0294006533071265e-08, slope: -1.0231881141662598
  )

  /// x · Φ(x) = max(x, 0) - |x| · Φ(-|x|). The second term is q · p · e^(-a²/2) with a polynomial p; what its
  /// factors round is carried along, since near 0 it is half of x.
  func gelu(_ x: Lanes) -> Lanes {
    let a = x.magnitude.atMost(14.98)
    let sum = a + 2.5
    let rest = a - (sum - 2.5)
    let inverse = 1 / sum
    let quotient = a * inverse
    let q = fma(fma(-quotient, rest, fma(-quotient, sum, a)), inverse, quotient)
    let t = q - 0.34375
    let start = Self.normalTailStart
    let bend = t.polynomial(Self.normalTail)
    let slope = fma(bend, t, start.slope)
    let slopeRest = fma(bend, t, start.slope - slope)
    let p = fma(slope, t, start.high)
    let pRest = fma(slope, t, start.high - p) + fma(slopeRest, t, start.low)
    let half = a * -0.5
    let exponent = half * a
    let (n, e) = exponentialParts(exponent, rest: fma(half, a, -exponent))
    let product = q * p
    let productRest = fma(q, pRest, fma(q, p, -product))
    let y = scaled(product + fma(product, e, productRest), n)
    return (x < 0).select(-y, x - y)
  }

  /// x / (1 + e^-x), for negative x as x · e^x / (1 + e^x), scaled last so that subnormal results are rounded once.
  func silu(_ x: Lanes) -> Lanes {
    let bounded = x.atLeast(-109)
    let (n, q) = exponentialParts((-bounded.magnitude).atLeast(-109))
    let power = q + 1
    let e = scaled(power, n)
    let bottom = e + 1
    let rest = e - (bottom - 1)
    let inverse = 1 / bottom
    let isNegative = x < 0
    let product = bounded * power
    let top = isNegative.select(product, bounded)
    let topRest = isNegative.select(fma(bounded, power, -product), 0)
    let quotient = top * inverse
    let left = fma(-quotient, rest, fma(-quotient, bottom, top)) + topRest
    let result = fma(left, inverse, quotient)
    let isItself = (x == .infinity) | (x == 0)
    return isNegative.select(scaled(result, n), isItself.select(x, result))
  }
}
