// SPDX-License-Identifier: Apache-2.0
// log, log1p, log2 and what they make, in f64.

extension WideMath {
  /// (2 atanh(s) / s - 2) / s² in s², on s = f / (2 + f) with 1 + f in [√½, √2]; the error of the logarithm is 2^-37.6
  /// and 2^-66.7.
  private var logarithm: [Double] {
    isDouble
      ? [
        0.6666666666666666, 0.4000000000000625, 0.2857142856908595, 0.2222222264678771, 0.1818177566617282,
        0.1538709073076911, 0.1325011869832506, 0.1325132420559666,
      ] : [0.666666656451107, 0.4000033527603408, 0.2853730268551951, 0.23582271295210908]
  }

  /// x = 2^k · (1 + f) for positive normal x, with 1 + f in [√½, √2).
  func exponentAndFraction(_ x: Lanes) -> (k: Lanes, f: Lanes) {
    let distance = x.bits - x.int(0x3FE6_A09E_667F_3BCD)
    let k = distance.arithmeticShiftedRight(52)
    let shifter = x.real(0x1.8p52)
    return ((k + shifter.bits).float - shifter, (x.bits - (k << 52)).float - 1)
  }

  /// log(1 + f) + low = k ln 2's companion: the sum k · ln 2 + log(1 + f) + low.
  private func logarithm(_ k: Lanes, _ f: Lanes, low: Lanes? = nil) -> Lanes {
    var tail = k * Ln2.low
    if let low { tail = tail + low }
    return fma(k, Ln2.high, f - (halfSquareRest(f) - tail))
  }

  /// f - log(1 + f).
  private func halfSquareRest(_ f: Lanes) -> Lanes {
    let s = f / (f + 2)
    let z = s * s
    let half = f * f * 0.5
    return half - s * fma(z, z.polynomial(logarithm), half)
  }

  /// Zero, negative, infinite and NaN arguments of a logarithm, whose value for others is given.
  private func withSpecialValues(_ result: Lanes, of x: Lanes) -> Lanes {
    let finite = (x == .infinity).select(.infinity, result)
    return (x > 0).select(finite, (x == 0).select(-.infinity, x.real(.nan)))
  }

  /// A positive number as a normal one and the logarithm to base 2 of what it was multiplied by.
  private func normalized(_ x: Lanes) -> (x: Lanes, exponent: Lanes?) {
    guard isDouble else { return (x, nil) }
    let small = x < 0x1p-1022
    return (small.select(x * 0x1p54, x), small.select(x.real(54), 0))
  }

  private func parts(_ x: Lanes) -> (k: Lanes, f: Lanes) {
    let (x, exponent) = normalized(x)
    let (k, f) = exponentAndFraction(x)
    return (exponent.map { k - $0 } ?? k, f)
  }

  func log(_ x: Lanes) -> Lanes {
    let (k, f) = parts(x)
    return withSpecialValues(logarithm(k, f), of: x)
  }

  func log2(_ x: Lanes) -> Lanes {
    let (k, f) = parts(x)
    return withSpecialValues(fma(f - halfSquareRest(f), 1.4426950408889634, k), of: x)
  }

  func log1p(_ x: Lanes) -> Lanes {
    let u = x + 1
    // What the rounding of 1 + x dropped, relative to it.
    let dropped = (x < 1).select(x - (u - 1), 1 - (u - x)) / u
    let (k, f) = exponentAndFraction(u)
    return withSpecialValues(logarithm(k, f, low: dropped), of: u).signed(as: x)
  }

  func softplus(_ x: Lanes) -> Lanes {
    let e = exp(-x.magnitude)
    let u = e + 1
    let (k, f) = exponentAndFraction(u)
    return (x < 0).select(0, x) + logarithm(k, f, low: (e - (u - 1)) / u)
  }

  func asinh(_ x: Lanes) -> Lanes {
    let a = x.magnitude
    let square = a * a
    let sum = a + square / ((square + 1).squareRoot + 1)
    let large = a > 0x1p28
    return (log1p(large.select(a - 1, sum)) + large.select(a.real(0.6931471805599453), 0)).signed(as: x)
  }

  func acosh(_ x: Lanes) -> Lanes {
    let t = x - 1
    let sum = t + (t * (t + 2)).squareRoot
    let large = x > 0x1p28
    let result = isDouble
      ? log1p(large.select(x - 1, sum)) + large.select(x.real(0.6931471805599453), 0) : log1p(sum)
    return (x < 1).select(.nan, result)
  }

  func atanh(_ x: Lanes) -> Lanes {
    let a = x.magnitude
    return (log1p(a * 2 / (1 - a)) * 0.5).signed(as: x)
  }
}
