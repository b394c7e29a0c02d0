// SPDX-License-Identifier: Apache-2.0
// asin, acos, atan, atan2 in f64.

extension WideMath {
  /// (asin(x) / x - 1) / x² in x², on |x| <= ½; the error of the arc is 2^-35.8 and 2^-59.8.
  private var arcSine: [Double] {
    isDouble
      ? [
        0.16666666666666763, 0.07499999999970096, 0.044642857175288826, 0.030381942675154414, 0.02237221590919413,
        0.01735159544585417, 0.01398101912374313, 0.011397288741667195, 0.010789342599147194, 0.003672113492678442,
        0.021790800246402956, -0.02111690850686132, 0.032702264507519174,
      ]
      : [
        0.16666667191488432, 0.07499948011721476, 0.04466020480667987, 0.030109715906167844, 0.02462186719858096,
        0.007457942436528253, 0.034706849936974,
      ]
  }

  /// (atan(x) / x - 1) / x² in x², on |x| <= tan(π/8); the error of the arc is 2^-35.4 and 2^-59.5.
  private var arcTangent: [Double] {
    isDouble
      ? [
        -0.333333333333332, 0.19999999999953771, -0.14285714280215542, 0.11111110784418078, -0.09090897785119674,
        0.07692060693416988, -0.06663109335059808, 0.05847926348786495, -0.05039464339160577, 0.038068418929062646,
        -0.01791121118773041,
      ]
      : [
        -0.3333333251109978, 0.19999904862300436, -0.1428203231358363, 0.11044966289326655, -0.08477659709398153,
        0.04746659840330245,
      ]
  }

  /// For a = |x|: whether it is at most ½, and asin(a) there or 2 asin(√((1 - a) / 2)) = acos(a) above.
  private func arc(_ a: Lanes) -> (small: Lanes, arc: Lanes) {
    let large = a > 0.5
    let z = large.select((1 - a) * 0.5, a * a)
    let s = large.select(z.squareRoot, a)
    let arc = fma(s * z, z.polynomial(arcSine), s)
    return (!large, large.select(arc + arc, arc))
  }

  func asin(_ x: Lanes) -> Lanes {
    let (small, arc) = arc(x.magnitude)
    return small.select(arc, (.pi / 2 - arc) + 6.123233995736766e-17).signed(as: x)
  }

  func acos(_ x: Lanes) -> Lanes {
    let (small, arc) = arc(x.magnitude)
    let signed = arc.signed(as: x)
    let above = (x < 0).select(.pi - (arc - 1.2246467991473532e-16), arc)
    return small.select(.pi / 2 - (signed - 6.123233995736766e-17), above)
  }

  func atan(_ x: Lanes) -> Lanes { arcOfQuotient(x.magnitude, x.real(1)).signed(as: x) }

  /// atan(y / x) for y, x >= 0 that are not both 0 or infinite.
  private func arcOfQuotient(_ y: Lanes, _ x: Lanes) -> Lanes {
    // tan(α - π/4) = (y - x) / (y + x), tan(α - π/2) = -x / y.
    let middle = y > x * 0.41421356237309503
    let high = y > x * 2.414213562373095
    let top = high.select(-x, middle.select(y - x, y))
    let bottom = high.select(y, middle.select(y + x, x))
    let offset = high.select(x.real(.pi / 2), middle.select(x.real(.pi / 4), 0))
    let offsetLow = high.select(x.real(6.123233995736766e-17), middle.select(x.real(3.061616997868383e-17), 0))
    let t = top / bottom
    let z = t * t
    return offset + (fma(t * z, z.polynomial(arcTangent), t) + offsetLow)
  }

  func atan2(_ y: Lanes, _ x: Lanes) -> Lanes {
    var (a, b) = (y.magnitude, x.magnitude)
    // Two infinities are as 1 / 1, two zeros as 0 / 1; huge and tiny f64 are brought where sums and products exist.
    let bothInfinite = (a == .infinity) & (b == .infinity)
    (a, b) = (bothInfinite.select(1, a), bothInfinite.select(1, b))
    if isDouble {
      let huge = (a > 0x1p1000) | (b > 0x1p1000)
      let scale = huge.select(a.real(0x1p-100), 0x1p50)
      let tiny = !((a > 0x1p-900) | (b > 0x1p-900))
      let factor = (huge | tiny).select(scale, 1)
      (a, b) = (a * factor, b * factor)
    }
    b = ((a == 0) & (b == 0)).select(1, b)
    let arc = arcOfQuotient(a, b)
    let negative = x.bits.isLess(than: 0)
    return negative.select(.pi - (arc - 1.2246467991473532e-16), arc).signed(as: y)
  }
}
