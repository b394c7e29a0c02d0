// SPDX-License-Identifier: Apache-2.0
// Random numbers by counting: Philox 4×32 with ten rounds (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy
// as 1, 2, 3, 2011). Every element is a function of the seed and its position, so that threads do not matter.

import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// The generator of one seed.
struct Philox: Sendable {
  private static let multipliers: [UInt32] = [0xD251_1F53, 0xCD9E_8D57]
  private static let weyl: [UInt32] = [0x9E37_79B9, 0xBB67_AE85]
  private static let rounds = 10
  private let keys: [UInt32]

  /// Seeds of ONNX are floats; an operator outside of a graph has none, and always the same numbers.
  init(seed: Double?) {
    let bits = (seed ?? 0).bitPattern
    keys = [UInt32(truncatingIfNeeded: bits), UInt32(truncatingIfNeeded: bits >> 32)]
  }

  private func key(_ number: Int, _ round: Int) -> UInt32 { keys[number] &+ Self.weyl[number] &* UInt32(round) }

  /// Four words for a position.
  func words(_ position: Int) -> [UInt32] {
    let bits = UInt64(position)
    var c = [UInt32(truncatingIfNeeded: bits), UInt32(truncatingIfNeeded: bits >> 32), 0, 0]
    for round in 0..<Self.rounds {
      let (a, b) = (UInt64(Self.multipliers[0]) * UInt64(c[0]), UInt64(Self.multipliers[1]) * UInt64(c[2]))
      c = [
        UInt32(b >> 32) ^ c[1] ^ key(0, round), UInt32(truncatingIfNeeded: b),
        UInt32(a >> 32) ^ c[3] ^ key(1, round), UInt32(truncatingIfNeeded: a),
      ]
    }
    return c
  }

  /// The same as expressions, u32.
  func words(_ position: Expr) -> [Expr] {
    let bits = position.cast(to: .u64)
    func high(_ x: Expr) -> Expr { Expr.binary(.shr, x, .int(32, .u64)).cast(to: .u32) }
    var c = [bits.cast(to: .u32), high(bits), Expr.int(0, .u32), Expr.int(0, .u32)]
    for round in 0..<Self.rounds {
      func product(_ number: Int) -> Expr {
        Expr.int(Int(Self.multipliers[number]), .u64) * c[2 * number].cast(to: .u64)
      }
      func mixed(_ product: Expr, _ other: Expr, _ number: Int) -> Expr {
        .binary(.xor, .binary(.xor, high(product), other), .int(Int(key(number, round)), .u32))
      }
      let (a, b) = (product(0), product(1))
      c = [mixed(b, c[1], 0), b.cast(to: .u32), mixed(a, c[3], 1), a.cast(to: .u32)]
    }
    return c
  }

  /// Numbers of 0 ..< 1 with as many digits as a type has.
  func uniform(_ position: Int, _ dtype: DType) -> Double {
    let w = words(position)
    return dtype == .f64 ? Double(UInt64(w[0]) << 21 ^ UInt64(w[1]) >> 11) * 0x1p-53 : Double(w[0] >> 8) * 0x1p-24
  }

  func uniform(_ position: Expr, _ dtype: DType) -> Expr {
    let w = words(position)
    if dtype != .f64 { return Expr.binary(.shr, w[0], .int(8, .u32)).cast(to: .f32) * 0x1p-24 }
    let high = Expr.binary(.shl, w[0].cast(to: .u64), .int(21, .u64))
    let low = Expr.binary(.shr, w[1].cast(to: .u64), .int(11, .u64))
    return Expr.binary(.xor, high, low).cast(to: .f64) * 0x1p-53
  }

  /// Numbers of the normal distribution, by Box and Muller's method.
  func normal(_ position: Int) -> Double {
    let w = words(position)
    let radius = (-2 * log((Double(w[0]) + 1) * 0x1p-32)).squareRoot()
    return radius * cos(2 * .pi * (Double(w[1]) * 0x1p-32))
  }

  func normal(_ position: Expr) -> Expr {
    let w = words(position)
    let distance = Expr.unary(.log, (w[0].cast(to: .f64) + 1) * 0x1p-32)
    let angle = (w[1].cast(to: .f64) * 0x1p-32) * (2 * Double.pi)
    return Expr.unary(.sqrt, distance * -2.0) * .unary(.cos, angle)
  }
}

/// The row-major position of an index.
func flatPosition(_ index: [Expr], _ shape: [Dim], _ size: (Dim) -> Expr) -> Expr {
  zip(index, shape).reduce(Expr.int(0)) { $0 * size($1.1) + $1.0 }
}
