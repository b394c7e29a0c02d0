// SPDX-License-Identifier: Apache-2.0
// pow and the floating-point remainder, in f64.

extension WideMath {
  /// (2 atanh(s) / s - 2 - ⅔ s²) / s⁴ in s², on the s of a logarithm; the error of the logarithm is 2^-66.3.
  private static let logarithmTail: [Double] = [
    0.40000000000002256, 0.28571428570099355, 0.22222222519962187, 0.18181784363820228, 0.15386757476109456,
    0.13256814525951255, 0.13196357444852772,
  ]

  func pow(_ x: Lanes, _ y: Lanes) -> Lanes {
    let magnitude = isDouble ? powerOfMagnitude(x.magnitude, y) : singlePower(x.magnitude, y)
    let half = y * 0.5
    let isInteger = y.roundedDown == y
    let isOdd = isInteger & (half.roundedDown != half)
    let negative = x.bits.isLess(than: 0)
    let signed = (negative & isOdd).select(-magnitude, magnitude)
    let invalid = (x < 0) & (x > -.infinity) & !isInteger & (y == y)
    let result = invalid.select(.nan, signed)
    // 1 to any power, NaN too, is 1; so is (-1)^±∞.
    let one = (y == 0) | (x == 1) | ((x == -1) & (y.magnitude == .infinity))
    return one.select(1, result)
  }

  /// e^(y log x): the logarithm in f64 leaves 2^-44 of a result in f32.
  private func singlePower(_ x: Lanes, _ y: Lanes) -> Lanes {
    exp(y * WideMath(.double).log(x))
  }

  /// x^y for x >= 0, with the logarithm as a sum of two numbers that together have 65 bits.
  private func powerOfMagnitude(_ x: Lanes, _ y: Lanes) -> Lanes {
    let small = x < 0x1p-1022
    let (exponent, f) = exponentAndFraction(small.select(x * 0x1p54, x))
    let k = exponent - small.select(x.real(54), 0)
    // s = f / (2 + f) as s + sLow.
    let bottom = f + 2
    let bottomRest = f - (bottom - 2)
    let s = f / bottom
    let sLow = ((product(s, bottom).rest(f)) - s * bottomRest) / bottom
    // 2s + ⅔s³ + s⁵(…)
    let square = product(s, s)
    let squareLow = square.low + s * sLow * 2
    let cube = product(square.high, s)
    let cubeLow = cube.low + squareLow * s + square.high * sLow
    let third = product(cube.high, s.real(2.0 / 3))
    let thirdLow = third.low + cubeLow * (2.0 / 3) + cube.high * 3.700743415417188e-17
    let tail = cube.high * square.high * square.high.polynomial(Self.logarithmTail)
    var low = sLow * 2 + thirdLow + tail
    // Summed from the largest: k ln 2, 2s, ⅔s³.
    let (a, aLow) = sum(k * Ln2.high, s * 2)
    let (b, bLow) = sum(a, third.high)
    low = low + aLow + bLow + k * Ln2.low
    let (logHigh, logLow) = sum(b, low)
    let finite = (x == 0).select(-.infinity, (x < .infinity).select(logHigh, x))
    let exact = product(y, finite)
    let bounded = (y * finite).atMost(800).atLeast(-800)
    let rest = exact.low + y * logLow
    let (n, q) = exponentialParts(bounded)
    // Where the logarithm or the power is infinite the rest is NaN and means nothing.
    let correction = (bounded.magnitude < 800).select(rest, 0)
    return scaled(fma(q + 1, correction, q) + 1, n)
  }

  /// A product as a rounded value and the rest.
  private struct Product {
    let high: Lanes
    let low: Lanes
    /// c - high - low, where c is near.
    func rest(_ c: Lanes) -> Lanes { (c - high) - low }
  }

  private func product(_ a: Lanes, _ b: Lanes) -> Product {
    let high = a * b
    if a.builder.target.hasFMA { return Product(high: high, low: fma(a, b, -high)) }
    func split(_ x: Lanes) -> (Lanes, Lanes) {
      let upper = (x.bits & ~0x7FF_FFFF).float
      return (upper, x - upper)
    }
    let ((a1, a2), (b1, b2)) = (split(a), split(b))
    return Product(high: high, low: ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2)
  }

  /// A sum as a rounded value and the rest (Knuth's).
  private func sum(_ a: Lanes, _ b: Lanes) -> (high: Lanes, low: Lanes) {
    let high = a + b
    let bPart = high - a
    return (high, (a - (high - bPart)) + (b - bPart))
  }

  /// The exact remainder a - b · trunc(a / b), by quotients of few enough bits that each step is exact.
  func rem(_ a: Lanes, _ b: Lanes) -> Lanes {
    let builder = a.builder
    let divisor = b.magnitude
    let valid = (divisor > 0) & (a.magnitude < .infinity)
    // Lanes without a remainder take no part in the loop.
    let rest = builder.variable(a.type)
    builder.store(valid.select(a.magnitude, 0).value, rest)
    let (head, body, end) = (builder.block(), builder.block(), builder.block())
    builder.jump(head)
    builder.move(to: head)
    let current = Lanes(builder.load(a.type, rest), builder)
    let active = valid & (current >= divisor)
    builder.jump(active.any, body, end)
    builder.move(to: body)
    builder.store(active.select(reducedOnce(current, divisor), current).value, rest)
    builder.jump(head)
    builder.move(to: end)
    let result = (divisor == .infinity).select(a.magnitude, current)
    return (valid & (b == b)).select(result, .nan).signed(as: a)
  }

  /// One step for rest >= divisor > 0: takes away divisor · 2^k · q, with 2^k such that q has at most `bits` bits.
  private func reducedOnce(_ rest: Lanes, _ divisor: Lanes) -> Lanes {
    // With FMA, or an f32 divisor, rest - q · d is exact; else only single powers of two are.
    let bits: Int64 = !isDouble ? 28 : rest.builder.target.hasFMA ? 50 : 0
    func exponent(_ x: Lanes) -> Lanes {
      let field = x.bits.shiftedRight(52)
      let normal = (x * 0x1p54).bits.shiftedRight(52)
      return isDouble ? (x < 0x1p-1022).select(normal - normal.int(54), field) : field
    }
    let distance = exponent(rest) - exponent(divisor)
    let excess = distance - distance.int(bits)
    let shift = excess.isLess(than: 0).select(excess.int(0), excess)
    // In steps because the power may exceed the largest number.
    let quarter = shift.shiftedRight(2)
    let step = powerOfTwo(quarter)
    let scaledDivisor = divisor * step * step * step * powerOfTwo(shift - quarter * quarter.int(3))
    if bits == 0 {
      let over = scaledDivisor > rest
      return rest - over.select(scaledDivisor * 0.5, scaledDivisor)
    }
    let quotient = (rest / scaledDivisor).truncated
    let result = fma(-quotient, scaledDivisor, rest)
    // The division may have rounded up to the next integer.
    return (result < 0).select(result + scaledDivisor, result)
  }
}
