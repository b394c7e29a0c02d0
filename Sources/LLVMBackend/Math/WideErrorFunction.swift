// SPDX-License-Identifier: Apache-2.0
// erf, erfc and gelu in f64.

extension WideMath {
  /// erf(x) / x in x², on |x| <= 1; relative errors 2^-34.8 and 2^-62.7.
  private var centre: [Double] {
    isDouble
      ? [
        1.1283791670955126, -0.3761263890318375, 0.11283791670954857, -0.026866170645072834, 0.005223977624780263,
        -0.0008548326978706462, 0.00012055331035558006, -1.4925593473777966e-05, 1.6460972272474124e-06,
        -1.635001931412158e-07, 1.4657839229678878e-08, -1.1365505761099673e-09, 5.944985541163665e-11,
      ]
      : [
        1.128379167058002, -0.3761263843434715, 0.11283781968771346, -0.02686539969358411, 0.005220944352961753,
        -0.0008482811763711293, 0.00011256814621065327, -9.641109394281063e-06,
      ]
  }

  /// (1 + 2x) · e^x² · erfc(x) in (x - c) / (x + c): on [0, 10.6] with c = 3, relative error 2^-30.4, and on [0, 29]
  /// with c = 4, 2^-56.1.
  private var scaledComplement: (centre: Double, coefficients: [Double]) {
    isDouble
      ? (
        4,
        [
          1.2329951186255526, -0.13962111684056291, 0.01537965210261917, 0.06809705425474058, -0.10103906603626638,
          0.09373283499670916, -0.06633036581336053, 0.03716751556324347, -0.016197734039104936, 0.005031969755770193,
          -0.0007577734675057282, -0.0001992555465102439, 0.000150622726313697, -2.4402891440065737e-05,
          -1.122591333148436e-05, 5.71695682094049e-06, 3.028605609417715e-07, -8.334674860192116e-07,
          6.175719708692108e-08, 1.1373110943420044e-07, -7.719957086695149e-09, -1.3034846263206672e-08,
          -1.605168985709213e-09,
        ]
      )
      : (
        3,
        [
          1.2530080590578117, -0.1356211116619741, -0.04756239639698312, 0.12964536193635867, -0.11927144327904231,
          0.06830668152942393, -0.023788257664584426, 0.0025261257939692104, 0.001948554214352584,
          -0.0007362383151291103, -0.0001760827755455127, 3.7614558218302124e-05,
        ]
      )
  }

  /// erfc(a) as y · 2^n for a in 0...29 (0...10.6 for f32 results), given a² rounded and the rest of a².
  private func complement(_ a: Lanes, square: Lanes, rest: Lanes?) -> (y: Lanes, n: Lanes) {
    let (centre, coefficients) = scaledComplement
    let (n, q) = exponentialParts(-square)
    let (sum, double) = (a + centre, fma(a, 2, 1))
    guard let rest else {
      // One division for two quotients.
      let inverse = 1 / (sum * double)
      let fraction = ((a - centre) * (double * inverse)).polynomial(coefficients) * (sum * inverse)
      return (fma(q, fraction, fraction), n)
    }
    let fraction = ((a - centre) / sum).polynomial(coefficients) / double
    return ((q + 1) * fma(-rest, fraction, fraction), n)
  }

  /// erfc(|x|).
  private func complement(_ x: Lanes) -> Lanes {
    let a = x.magnitude.atMost(isDouble ? 28 : 10.5)
    let square = a * a
    let (y, n) = complement(a, square: square, rest: isDouble ? squareRest(a, square) : nil)
    return scaled(y, n)
  }

  /// a² - square, exactly, where square is a² rounded.
  func squareRest(_ a: Lanes, _ square: Lanes) -> Lanes {
    if a.builder.target.hasFMA { return fma(a, a, -square) }
    let high = (a.bits & ~0x7FF_FFFF).float
    let low = a - high
    return ((high * high - square) + high * low * 2) + low * low
  }

  func erf(_ x: Lanes) -> Lanes {
    let a = x.magnitude
    return (a > 1).select(1 - complement(x), a * (a * a).polynomial(centre)).signed(as: x)
  }

  func erfc(_ x: Lanes) -> Lanes {
    let tail = complement(x)
    return (x < 0).select(2 - tail, tail)
  }

  /// x · erfc(-x / √2) / 2.
  func gelu(_ x: Lanes) -> Lanes {
    let a = x.magnitude.atMost(isDouble ? 39.5 : 14.98)
    let square = a * a
    let rest = isDouble ? squareRest(a, square) * 0.5 : nil
    let (y, n) = complement(a * 0.7071067811865476, square: square * 0.5, rest: rest)
    // The product is scaled last, so that it is rounded once where it is subnormal.
    return (x < 0).select(scaled(-a * y * 0.5, n), x * (1 - scaled(y, n) * 0.5))
  }
}
