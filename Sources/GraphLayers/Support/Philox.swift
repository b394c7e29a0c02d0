// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: every draw is a function of a key and a counter, so that it does not matter who draws
// first.

/// Philox 4×32 with 10 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
package struct Philox: Sendable {
  private let key: (UInt32, UInt32)

  package init(key: UInt64) { self.key = (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32)) }

  /// A generator for a named purpose under a seed.
  package init(seed: Int, name: String) {
    // FNV-1a keeps equal names equal on every machine, which Swift's own hashes do not.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    self.init(key: hash ^ UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15)
  }

  /// Four words for a counter.
  package func words(_ counter: UInt64) -> (UInt32, UInt32, UInt32, UInt32) {
    var (a, b, c, d) = (
      UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), UInt32(0), UInt32(0)
    )
    var (k0, k1) = key
    for _ in 0..<10 {
      let x = a.multipliedFullWidth(by: 0xD251_1F53)
      let y = c.multipliedFullWidth(by: 0xCD9E_8D57)
      (a, b, c, d) = (y.high ^ b ^ k0, y.low, x.high ^ d ^ k1, x.low)
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return (a, b, c, d)
  }

  /// A number in 0..<1 with 24 random bits.
  package func uniform(_ index: Int) -> Double {
    let (a, b, c, d) = words(UInt64(index / 4))
    let word =
      switch index % 4 {
      case 0: a
      case 1: b
      case 2: c
      default: d
      }
    return Double(word >> 8) * 0x1p-24
  }

  /// The numbers `uniform(0)`, `uniform(1)` … one after the other, four for the work of one.
  package func forEachUniform(_ count: Int, _ body: (Int, Double) -> Void) {
    for start in stride(from: 0, to: count, by: 4) {
      let (a, b, c, d) = words(UInt64(start / 4))
      body(start, Double(a >> 8) * 0x1p-24)
      if start + 1 < count { body(start + 1, Double(b >> 8) * 0x1p-24) }
      if start + 2 < count { body(start + 2, Double(c >> 8) * 0x1p-24) }
      if start + 3 < count { body(start + 3, Double(d >> 8) * 0x1p-24) }
    }
  }
}
