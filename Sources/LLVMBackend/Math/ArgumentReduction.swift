// SPDX-License-Identifier: Apache-2.0
// x modulo π/2 for f64 of any size: Cody and Waite's method below 2^27, Payne and Hanek's above.

extension WideMath {
  private static let largeArgument = 0x1p27

  /// r in ±π/4 (and a little more) and n with x = r + n · π/2; only the last two bits of n matter. NaN for x = ±∞.
  func reducedByHalfPi(_ x: Lanes) -> (r: Lanes, quadrant: Lanes) {
    let builder = x.builder
    let (r, quadrant) = reducedModerate(x)
    let a = x.magnitude
    let large = (a >= Self.largeArgument) & (a < .infinity)
    let (before, slow, end) = (builder.current, builder.block(), builder.block())
    builder.jump(large.any, slow, end)
    builder.move(to: slow)
    let (rLarge, quadrantLarge) = reducedLarge(x, where: large)
    let (rMerged, quadrantMerged) = (large.select(rLarge, r), large.select(quadrantLarge, quadrant))
    let after = builder.current
    builder.jump(end)
    builder.move(to: end)
    func merge(_ fast: Lanes, _ slow: Lanes) -> Lanes {
      let phi = builder.phi(fast.type)
      builder.add(incoming: fast.value, from: before, to: phi)
      builder.add(incoming: slow.value, from: after, to: phi)
      return Lanes(phi, builder)
    }
    return (merge(r, rMerged), merge(quadrant, quadrantMerged))
  }

  /// Parts of π/2. With FMA the first difference is exact because both are multiples of 2^-52 below 1; without, parts
  /// of 25 bits keep the products exact.
  private func reducedModerate(_ x: Lanes) -> (r: Lanes, quadrant: Lanes) {
    let shifter = x.real(0x1.8p52)
    let shifted = x * 0.6366197723675814 + shifter
    let n = shifted - shifter
    var parts =
      x.builder.target.hasFMA
      ? [0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110]
      : [0x1.921fb5p+0, 0x1.110b46p-26, 0x1.1a6263p-54, 0x1.8a2e03707344ap-81]
    // The closest that a moderate f32 comes to a multiple of π/2 leaves enough digits in two parts.
    if !isDouble && x.builder.target.hasFMA { parts.removeLast() }
    return (parts.reduce(x) { fma(n, -$1, $0) }, shifted.bits)
  }

  /// |x| = m · 2^e with an integer m below 2^53. Bits of 2/π with a weight above 2^(1-e) add multiples of 4 quadrants;
  /// of the product of m and the next 192 bits, the first two are the quadrant and 128 more are kept.
  private func reducedLarge(_ x: Lanes, where large: Lanes) -> (r: Lanes, quadrant: Lanes) {
    let builder = x.builder
    let table = builder.table(Self.twoOverPi, .i32)
    let field = (x.bits << 1).shiftedRight(53)
    let first = field - field.int(1075 - 62)
    let (word, shift) = (first.shiftedRight(5), first & 31)
    let words = (0..<7).map { offset -> Lanes in
      let index = (word + word.int(Int64(offset))).value
      let type = ValueType(.i32, x.type.lanes)
      if !x.type.isVector {
        // A lane that is not large reads the table's start.
        let safe = builder.select(large.value, index, builder.int(0))
        return Lanes(builder.zext(builder.load(type, builder.address(table, safe, .i32)), .i64), builder)
      }
      return Lanes(builder.zext(builder.gather(type, table, index, large.value), .i64), builder)
    }
    let window = (0..<6).map { index -> Lanes in
      let pair = (words[index] << 32) | words[index + 1]
      return Lanes(builder.shl(pair.value, shift.value), builder).shiftedRight(32)
    }
    let mantissa = (x.bits & 0xF_FFFF_FFFF_FFFF) | field.int(1 << 52)
    let factors = [mantissa & 0xFFFF_FFFF, mantissa.shiftedRight(32)]
    // Schoolbook product in words of 32 bits, lowest first, modulo 2^192.
    var product: [Lanes] = []
    var carry = field.int(0)
    var upper: [Lanes] = []
    for column in 0..<6 {
      var sum = carry
      for part in upper { sum = sum + part }
      upper = []
      for (index, factor) in factors.enumerated() where column >= index {
        let partial = window[5 - (column - index)] * factor
        sum = sum + (partial & 0xFFFF_FFFF)
        upper.append(partial.shiftedRight(32))
      }
      product.append(sum & 0xFFFF_FFFF)
      carry = sum.shiftedRight(32)
    }
    let high = (product[5] << 32) | product[4]
    let low = (product[3] << 32) | product[2]
    let quadrant = (high + high.int(1 << 61)).shiftedRight(62)
    // The fraction of a quadrant in [-½, ½) as a signed integer, and the bits below it.
    let fraction = (high << 2) | low.shiftedRight(62)
    let below = (low << 2).shiftedRight(1)
    func float(_ integer: Lanes) -> Lanes { Lanes(builder.sitofp(integer.value, .f64), builder) }
    let r = fma(float(below), 0x1p-63, float(fraction)) * (.pi / 2 * 0x1p-64)
    let negative = x.bits.isLess(than: 0)
    return (negative.select(-r, r), negative.select(quadrant.int(0) - quadrant, quadrant))
  }

  /// The binary digits of 2/π after 64 zeros.
  private static let twoOverPi: [UInt32] = [
    0x0000_0000, 0x0000_0000, 0xA2F9_836E, 0x4E44_1529, 0xFC27_57D1, 0xF534_DDC0, 0xDB62_9599, 0x3C43_9041,
    0xFE51_63AB, 0xDEBB_C561, 0xB724_6E3A, 0x424D_D2E0, 0x0649_2EEA, 0x09D1_921C, 0xFE1D_EB1C, 0xB129_A73E,
    0xE882_35F5, 0x2EBB_4484, 0xE99C_7026, 0xB45F_7E41, 0x3991_D639, 0x8353_39F4, 0x9C84_5F8B, 0xBDF9_283B,
    0x1FF8_97FF, 0xDE05_980F, 0xEF2F_118B, 0x5A0A_6D1F, 0x6D36_7ECF, 0x27CB_09B7, 0x4F46_3F66, 0x9E5F_EA2D,
    0x7527_BAC7, 0xEBE5_F17B, 0x3D07_39F7, 0x8A52_92EA, 0x6BFB_5FB1, 0x1F8D_5D08, 0x5603_3046, 0xFC7B_6BAB,
  ]
}
