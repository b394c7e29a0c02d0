// SPDX-License-Identifier: Apache-2.0
// Half and bfloat16 conversions over every bit pattern, and around every rounding boundary.

import TensorCore
import Testing

@Suite struct HalfPrecisionTests {
  /// Every finite value between two neighbours rounds to the nearer, a tie to the even one. That is IEEE's definition,
  /// independent of how the conversion works.
  private func check(
    _ patterns: Range<UInt16>, infinity: UInt16, _ value: (UInt16) -> Double, _ bits: (Double) -> UInt16, limit: Double
  ) {
    for pattern in patterns {
      let low = value(pattern)
      let isLast = pattern + 1 == infinity
      // Rounding treats the first value beyond the largest as if the exponent went on.
      let high = isLast ? limit : value(pattern + 1)
      let middle = (low + high) / 2
      let even = pattern % 2 == 0 ? pattern : pattern + 1
      #expect(bits(low) == pattern)
      #expect(bits(low.nextUp) == pattern && bits(middle.nextDown) == pattern)
      #expect(bits(middle) == even)
      #expect(bits(middle.nextUp) == pattern + 1)
      #expect(bits(-middle.nextUp) == pattern + 1 | 0x8000)
    }
  }

  @Test func halfRounds() {
    check(0..<0x7C00, infinity: 0x7C00, { Double(Float(halfBits: $0)) }, halfBits, limit: 65536)
    // The first comes from the definition of the format: 1.0, the largest, the smallest normal and subnormal.
    for (pattern, value) in [(0x3C00, 1), (0x7BFF, 65504), (0x0400, 0x1p-14), (0x0001, 0x1p-24), (0xC000, -2)]
      as [(UInt16, Float)]
    {
      #expect(Float(halfBits: pattern) == value)
    }
    #expect(halfBits(.infinity) == 0x7C00 && halfBits(-.infinity) == 0xFC00 && halfBits(1e300) == 0x7C00)
    #expect(Float(halfBits: 0x7E00).isNaN && Float(halfBits: halfBits(.nan)).isNaN && halfBits(-0.0) == 0x8000)
    #expect(halfBits(.leastNonzeroMagnitude) == 0)
  }

  @Test func bfloatRounds() {
    check(0..<0x7F80, infinity: 0x7F80, { Double(Float(bfloatBits: $0)) }, bfloatBits, limit: 0x1p128)
    for (pattern, value) in [(0x3F80, 1), (0x4049, 3.140625), (0x0001, 0x1p-133), (0xC000, -2)] as [(UInt16, Float)] {
      #expect(Float(bfloatBits: pattern) == value)
    }
    #expect(bfloatBits(.infinity) == 0x7F80 && bfloatBits(-.infinity) == 0xFF80 && bfloatBits(1e300) == 0x7F80)
    #expect(
      Float(bfloatBits: bfloatBits(.nan)).isNaN && bfloatBits(-0.0) == 0x8000 && bfloatBits(.leastNonzeroMagnitude) == 0
    )
  }

  /// The conversion to Float against the toolchain's own half type, for all patterns.
  @Test func halfPatternsAreTheToolchains() {
    for pattern in UInt16.min...UInt16.max {
      let (ours, theirs) = (Float(halfBits: pattern), Float(Float16(bitPattern: pattern)))
      #expect(ours == theirs || ours.isNaN && theirs.isNaN)
    }
  }
}
