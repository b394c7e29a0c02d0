// SPDX-License-Identifier: Apache-2.0
// sin, cos, tan in f64.

extension WideMath {
  /// (sin(r) / r - 1) / r² in r², on |r| <= π/4; the error of the sine is 2^-37.6 and 2^-68.8.
  private var sine: [Double] {
    isDouble
      ? [
        -0.16666666666666666, 0.008333333333333323, -0.00019841269841255115, 2.755731921421515e-06,
        -2.5052104918157786e-08, 1.6058367480634312e-10, -7.578740934533516e-13,
      ] : [-0.16666666641599695, 0.008333329382694286, -0.00019839333786095853, 2.718301281623988e-06]
  }

  /// (cos(r) - 1 + r²/2) / r⁴ in r², on |r| <= π/4; the error of the cosine is 2^-43.2 and 2^-75.2.
  private var cosine: [Double] {
    isDouble
      ? [
        0.041666666666666664, -0.0013888888888888874, 2.4801587301571516e-05, -2.755731921538494e-07,
        2.087675436817549e-09, -1.1470293491449875e-11, 4.738119038604114e-14,
      ] : [0.04166666662277963, -0.0013888883749089262, 2.479951883270508e-05, -2.721013806116952e-07]
  }

  private func sineAndCosine(_ r: Lanes) -> (sin: Lanes, cos: Lanes) {
    let z = r * r
    return (fma(r * z, z.polynomial(sine), r), fma(z * z, z.polynomial(cosine), fma(z, -0.5, 1)))
  }

  /// The sine of an angle r + quadrant · π/2, given sin(r) and cos(r).
  private func turned(_ sin: Lanes, _ cos: Lanes, _ quadrant: Lanes) -> Lanes {
    let picked = (quadrant & 1).equals(0).select(sin, cos)
    return (picked.bits ^ ((quadrant & 2) << 62)).float
  }

  func sin(_ x: Lanes) -> Lanes {
    let (r, quadrant) = reducedByHalfPi(x)
    let (sin, cos) = sineAndCosine(r)
    return (x == 0).select(x, turned(sin, cos, quadrant))
  }

  func cos(_ x: Lanes) -> Lanes {
    let (r, quadrant) = reducedByHalfPi(x)
    let (sin, cos) = sineAndCosine(r)
    return turned(sin, cos, quadrant + quadrant.int(1))
  }

  func tan(_ x: Lanes) -> Lanes {
    let (r, quadrant) = reducedByHalfPi(x)
    let (sin, cos) = sineAndCosine(r)
    let even = (quadrant & 1).equals(0)
    return (x == 0).select(x, even.select(sin, -cos) / even.select(cos, sin))
  }
}
