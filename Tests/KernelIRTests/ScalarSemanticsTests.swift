// SPDX-License-Identifier: Apache-2.0
// The evaluator's scalars at the edges: integer division, shifts, saturation, NaN, signed zeros, rounding.

import KernelIR
import TensorCore
import Testing

@Suite struct ScalarSemanticsTests {
  /// The value of an expression in text, in a buffer of its type.
  private func value<T>(_ text: String, _ dtype: DType, as type: T.Type) throws -> T {
    let kernel = try parsed("kernel k(%y: \(dtype) write) tiles t in 1 {\n%y[0] = \(text)\n}")
    var bytes = [UInt8](repeating: 0xAA, count: 8)
    try bytes.withUnsafeMutableBytes { try KernelEvaluator.evaluate(kernel, buffers: [$0], sizes: []) }
    return bytes.withUnsafeBytes { $0.load(as: T.self) }
  }

  @Test(arguments: [
    ("-7 / 2", -3), ("-7 // 2", -4), ("-7 % 2", 1), ("7 % -2", -1), ("rem(-7, 2)", -1), ("5 / 0", 0), ("5 // 0", 0),
    ("5 % 0", 0), ("rem(5, 0)", 0), ("-9223372036854775808 / -1", Int64.min), ("1 << 63", Int64.min), ("1 << 64", 0),
    ("-8 >> 70", -1), ("8 >> -1", 0), ("pow(3, 4)", 81), ("pow(-1, -3)", -1), ("pow(2, -1)", 0), ("pow(1, -5)", 1),
    ("abs(-9223372036854775808)", Int64.min), ("sign(-5)", -1), ("~5", -6), ("i64(1e30)", Int64.max),
    ("i64(-inf)", Int64.min), ("i64(nan)", 0), ("i64(-1.9)", -1), ("i64(i8(300))", 44), ("i64(u8(-1.5))", 0),
    ("i64(u8(-1))", 255), ("i64(i8(1000.0))", 127), ("i64(bool(nan))", 1), ("i64(bool(0.25))", 1),
    ("i64(u64(-1.0))", 0),
    ("bitcast(-0.0:f64, i64)", Int64.min), ("i64(-128:i8 / -1:i8)", -128), ("i64(200:u8 + 100:u8)", 44),
    ("i64(18446744073709551615:u64 > 1:u64)", 1), ("i64(-1:i32 >> 31:i32)", -1), ("i64(255:u8 << 9:u8)", 0),
    ("max(3, -5)", 3),
  ])
  func integers(_ text: String, _ expected: Int64) throws {
    #expect(try value(text, .i64, as: Int64.self) == expected)
  }

  @Test(arguments: [
    ("max(nan, 1.0)", Float.nan), ("min(1.0, nan)", .nan), ("max(-0.0, 0.0)", 0), ("min(0.0, -0.0)", -0.0),
    ("round(2.5)", 2), ("round(-0.5)", -0.0), ("trunc(-1.7)", -1), ("-5.5 % 2.0", 0.5), ("rem(-5.5, 2.0)", -1.5),
    ("-5.5 // 2.0", -3), ("sign(-3.0)", -1), ("1.0 / 0.0", .infinity), ("16777216.0 + 1.0", 16_777_216),
    ("f32(16777217)", 16_777_216), ("sigmoid(-200.0)", 0), ("softplus(200.0)", 200), ("reciprocal(-0.0)", -.infinity),
    ("pow(2.0, 0.5)", 1.4142135), ("exp(1.0)", 2.7182817), ("erf(0.5)", 0.5204999), ("gelu(-5.0)", -1.4332578e-06),
    ("f32(18446744073709551615:u64)", 1.8446744e19), ("abs(-nan)", .nan), ("sqrt(-1.0)", .nan),
  ])
  func floats(_ text: String, _ expected: Float) throws {
    let result = try value(text, .f32, as: Float.self)
    #expect(result.isNaN && expected.isNaN || result.bitPattern == expected.bitPattern, "\(text) = \(result)")
  }

  @Test(arguments: [
    ("1.0", 0x3C00), ("65520.0", 0x7C00), ("1e-8", 0), ("-0.0", 0x8000), ("1.00048828125", 0x3C00),
    ("1.00146484375", 0x3C02),
  ])
  func halves(_ text: String, _ expected: UInt16) throws {
    #expect(try value(text, .f16, as: UInt16.self) == expected)
  }

  @Test func extremesRememberWhere() throws {
    func index(_ elements: [Float], _ combiner: String, last: Bool) throws -> Float {
      let kernel = try parsed(
        """
        kernel k(%x: f32 read, %y: f32 write) tiles t in 1 {
          var v: f32 = \(combiner == "max" ? "-inf" : "inf")
          var i: i64 = 0
          for j in \(elements.count) vector(1) {
            (v, i) \(combiner)= %x[j] at j\(last ? " last" : "")
          }
          %y[0] = f32(i)
        }
        """)
      return try run(kernel, [elements, [-1]], sizes: [])[1][0]
    }
    #expect(try index([1, 3, 3, 2], "max", last: false) == 1)
    #expect(try index([1, 3, 3, 2], "max", last: true) == 2)
    #expect(try index([1, .nan, 7, .nan], "max", last: false) == 1)
    #expect(try index([1, .nan, 7, .nan], "max", last: true) == 3)
    #expect(try index([1, .nan, -7, .nan], "min", last: false) == 1)
    #expect(try index([4, 2, 2, 9], "min", last: true) == 2)
  }
}
