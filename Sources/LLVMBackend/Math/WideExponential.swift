// SPDX-License-Identifier: Apache-2.0
// exp, expm1, the hyperbolic functions and sigmoids, in f64.

/// ln 2 as a sum: the first has 33 bits, so that its products with exponents are exact.
enum Ln2 {
  static let high = 6.93147180369123816490e-01
  static let low = 1.90821492927058770002e-10
}

extension WideMath {
  /// (e^r - 1 - r) / r² on |r| <= ln 2 / 2; the error of e^r is 2^-34.2 and 2^-64.
  private var exponential: [Double] {
    isDouble
      ? [
        0.5, 0.16666666666666682, 0.041666666666666095, 0.008333333333317035, 0.0013888888889115663,
        0.0001984126989638228, 2.480158692655558e-05, 2.7557234863200857e-06, 2.755758191733348e-07,
        2.5112036459687694e-08, 2.0826605498404117e-09,
      ]
      : [
        0.5000000067675402, 0.16666665868503616, 0.041666294956656524, 0.008333497143512322, 0.0013944659357368507,
        0.00019790314723520673,
      ]
  }

  /// e^x = 2^n · (1 + q): n as an integer and q, |q| < 0.42. |x| must be below 2^40.
  func exponentialParts(_ x: Lanes) -> (n: Lanes, q: Lanes) {
    // Adding 1.5 · 2^52 leaves the rounded quotient in the low bits.
    let shifter = x.real(0x1.8p52)
    let shifted = fma(x, 1.4426950408889634, shifter)
    let n = shifted - shifter
    let r = fma(n, -Ln2.low, fma(n, -Ln2.high, x))
    return (shifted.bits - shifter.bits, exponentialMinusOne(r))
  }

  /// e^r - 1 on |r| <= ln 2 / 2.
  func exponentialMinusOne(_ r: Lanes) -> Lanes { fma(r * r, r.polynomial(exponential), r) }

  /// 2^n for exponents of normal numbers.
  func powerOfTwo(_ n: Lanes) -> Lanes { ((n + n.int(1023)) << 52).float }

  /// y · 2^n with one rounding more where the result is subnormal; |n| <= 2000, and |n| <= 1000 for f32 results.
  func scaled(_ y: Lanes, _ n: Lanes) -> Lanes {
    guard isDouble else { return y * powerOfTwo(n) }
    let half = n.arithmeticShiftedRight(1)
    return y * powerOfTwo(half) * powerOfTwo(n - half)
  }

  func exp(_ x: Lanes) -> Lanes {
    let bounded = isDouble ? x.atMost(710).atLeast(-746) : x.atMost(200).atLeast(-200)
    let (n, q) = exponentialParts(bounded)
    return scaled(q + 1, n)
  }

  /// (e^x - 1) / 8 for x up to 711, where the whole would overflow early.
  private func eighthOfExpm1(_ x: Lanes) -> Lanes {
    let (n, q) = exponentialParts(isDouble ? x.atMost(711).atLeast(-50) : x.atMost(200).atLeast(-50))
    let eighth = powerOfTwo(n - n.int(3))
    return fma(eighth, q, eighth - 0.125)
  }

  func expm1(_ x: Lanes) -> Lanes { (eighthOfExpm1(x) * 8).signed(as: x) }

  func sinh(_ x: Lanes) -> Lanes {
    let u = eighthOfExpm1(x.magnitude)
    return ((u + u / fma(u, 8, 1)) * 4).signed(as: x)
  }

  func cosh(_ x: Lanes) -> Lanes {
    let a = x.magnitude
    let (n, q) = exponentialParts(isDouble ? a.atMost(711) : a.atMost(200))
    let eighth = powerOfTwo(n - n.int(3))
    let u = fma(eighth, q, eighth)
    return u * 4 + 0.0625 / u
  }

  func tanh(_ x: Lanes) -> Lanes {
    let u = eighthOfExpm1((x.magnitude * 2).atMost(50))
    return (u / (u + 0.25)).signed(as: x)
  }

  func sigmoid(_ x: Lanes) -> Lanes {
    let e = exp(-x.magnitude)
    return (x < 0).select(e, 1) / (e + 1)
  }

  /// e^-|x| as p · 2^n and as a number. Products with it are scaled last, so that they are rounded once where it is
  /// subnormal.
  private func decay(_ x: Lanes) -> (p: Lanes, n: Lanes, e: Lanes) {
    let (n, q) = exponentialParts((-x.magnitude).atLeast(isDouble ? -760 : -200))
    let p = q + 1
    return (p, n, scaled(p, n))
  }

  /// x, but where a function's limit at -∞ is -0, a number that gives it.
  private func finiteBelow(_ x: Lanes) -> Lanes { x.atLeast(isDouble ? -800 : -200) }

  func silu(_ x: Lanes) -> Lanes {
    let (p, n, e) = decay(x)
    let negative = x < 0
    let quotient = finiteBelow(x) * negative.select(p, 1) / (e + 1)
    return negative.select(scaled(quotient, n), quotient)
  }

  /// tanh(log(1 + e^x)) = (e^2x + 2e^x) / (e^2x + 2e^x + 2), divided by e^2x for positive x.
  func mish(_ x: Lanes) -> Lanes {
    let (p, n, e) = decay(x)
    let negative = x < 0
    let sum = negative.select(e * (e + 2), fma(e, 2, 1))
    let bottom = sum + negative.select(2, e * e * 2)
    let quotient = finiteBelow(x) * negative.select(p * (e + 2), sum) / bottom
    return negative.select(scaled(quotient, n), quotient)
  }
}
