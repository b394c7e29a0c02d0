// SPDX-License-Identifier: Apache-2.0
// Loops of every form and extent, and what happens to indices in them.

import KernelIR
import LLVMBackend
import TensorCore
import Testing

@Suite struct LoopTests {
  static func floats(_ count: Int, _ seed: UInt64 = 3) -> [UInt8] {
    var random = Random(seed)
    return Harness.bytes((0..<count).map { _ in Float.random(in: -4...4, using: &random) })
  }

  static func check(
    _ text: String, _ contents: [[UInt8]], sizes: [Int] = [], tiles: Int = 1, ulps: Double = 0,
    sourceLocation: Testing.SourceLocation = #_sourceLocation
  ) throws {
    try Harness.check(
      Harness.parse(text + "\n"), contents, sizes: sizes, tiles: tiles, ulps: ulps, sourceLocation: sourceLocation)
  }

  @Test func runTimeExtents() throws {
    for unroll in [1, 4] {
      for n in Array(0...20) + [31, 32, 33, 63, 64, 65, 70] {
        try Self.check(
          """
          kernel extents(%x: f32 read, %y: f32 write; n) tiles t in 3 {
            for j in n vector(\(unroll)) {
              %y[t * n + j] = %x[t * n + j] * 2.0 + 1.0
            }
          }
          """, [Self.floats(3 * n), Self.floats(3 * n, 5)], sizes: [n], tiles: 3, ulps: 1)
      }
    }
  }

  @Test func constantExtents() throws {
    for n in Array(0...18) + [23, 31, 32, 33, 47, 48, 63, 64, 65, 70] {
      try Self.check(
        """
        kernel extents(%x: f32 read, %y: f32 write, %s: f32 write) tiles t in 2 {
          var s: f32 = 1.0
          for j in \(n) vector(2) {
            let v: f32 = %x[t * \(n) + j] * 2.0
            s max= v
            %y[t * \(n) + j] = v
          }
          %s[t] = s
        }
        """, [Self.floats(2 * n), Self.floats(2 * n, 5), Self.floats(2)], tiles: 2)
    }
  }

  @Test(arguments: ["f32", "f64", "i32", "i64", "u8", "i16", "bool", "f16", "bf16", "u64", "i8"])
  func copies(_ dtype: String) throws {
    guard let type = DType(name: dtype) else { return }
    for n in [1, 5, 16, 37, 64, 131] {
      var random = Random(9)
      // No NaN patterns of half floats, whose bits may change.
      let bytes = (0..<n * type.size).map { _ in UInt8.random(in: 0...(type == .bool ? 1 : 100), using: &random) }
      try Self.check(
        """
        kernel copy(%x: \(dtype) read, %y: \(dtype) write, %z: \(dtype) write) tiles t in 1 {
          for j in \(n) vector(2) {
            %y[\(n - 1) - j] = %x[j]
            %z[j] = %x[\(n - 1) - j]
          }
        }
        """, [bytes, bytes, bytes])
    }
  }

  @Test func strides() throws {
    for stride in [0, 1, 2, 3, 7, -1, -2, -5] {
      for n in [1, 3, 16, 33, 50] {
        let last = abs(stride) * (n - 1)
        let start = stride < 0 ? last : 0
        try Self.check(
          """
          kernel strides(%x: f32 read, %y: f32 write; s) tiles t in 1 {
            for j in \(n) vector(2) {
              %y[j] = %x[\(start) + j * \(stride)] + %x[\(start) + j * s] * 2.0
            }
          }
          """, [Self.floats(last + 1), Self.floats(n)], sizes: [max(stride, 0)].map { stride < 0 ? 0 : $0 }, ulps: 1)
        if stride != 0 {
          try Self.check(
            """
            kernel scatter(%x: f32 read, %y: f32 write) tiles t in 1 {
              for j in \(n) vector(2) {
                %y[\(start) + j * \(stride)] = %x[j]
              }
            }
            """, [Self.floats(n), Self.floats(last + 1)])
        }
      }
    }
  }

  /// A flat index taken apart again, with divisors that do and do not fit the vectors.
  @Test func dividedIndices() throws {
    for inner in [1, 3, 8, 16, 32, 50, 64] {
      try Self.check(
        """
        kernel apart(%x: f32 read, %y: f32 write, %i: i64 write; c) tiles t in 2 {
          for j in \(inner * 5) vector(2) {
            let k: i64 = t * \(inner * 5) + j
            %y[k] = %x[k % \(inner) * 10 + k // \(inner)] + %x[k % c * 10 + k // c]
            %i[k] = k % c * 1000 + (k - 7) // \(inner)
          }
        }
        """, [Self.floats(inner * 10), Self.floats(inner * 10), [UInt8](repeating: 0, count: inner * 80)],
        sizes: [inner], tiles: 2, ulps: 1)
    }
  }

  @Test func gathersByContents() throws {
    for dtype in ["i32", "i64", "u8"] {
      let width = DType(name: dtype)?.size ?? 1
      let indices = (0..<40).flatMap { index in [UInt8((index * 7) % 23)] + [UInt8](repeating: 0, count: width - 1) }
      try Self.check(
        """
        kernel gather(%x: f32 read, %i: \(dtype) read, %y: f32 write) tiles t in 1 {
          for j in 40 vector(2) {
            %y[j] = %x[min(max(i64(%i[j]), 0), 22) * 3 + 1]
          }
        }
        """.replacing("i64(%i[j])", with: dtype == "i64" ? "%i[j]" : "i64(%i[j])"),
        [Self.floats(69), indices, Self.floats(40)])
    }
  }

  /// Where a guard is false nothing is touched: the buffers end at memory that may not be.
  @Test func guards() throws {
    for n in [1, 7, 16, 40] {
      try Self.check(
        """
        kernel pad(%x: f32 read, %b: u8 read, %y: f32 write, %z: f32 write; n) tiles t in 3 {
          for j in \(n + 6) vector(2) {
            let k: i64 = j - 3
            %y[t * \(n + 6) + j] = %x[k if k >= 0 && k < n] + f32(%b[k if 0 <= k && k < n])
            %z[k if k >= 0 && k < n && t == 1] = %x[k if t < 0]
          }
        }
        """, [Self.floats(n), [UInt8](repeating: 3, count: n), Self.floats(3 * (n + 6)), Self.floats(n, 8)], sizes: [n],
        tiles: 3)
    }
  }

  /// Guards that are known for every lane when the kernel is compiled.
  @Test func constantGuards() throws {
    for condition in ["j == 3", "j < 1", "j > 14", "j > 100", "j >= 0", "j < 5 && j > 2", "j == 15"] {
      for (dtype, bytes) in [("f32", Self.floats(16)), ("i64", Self.floats(32)), ("u8", Self.floats(4))] {
        try Self.check(
          """
          kernel one(%x: \(dtype) read, %y: \(dtype) write, %z: \(dtype) write) tiles t in 1 {
            for j in 16 vector(1) {
              %y[j if \(condition)] = %x[j]
              %z[j] = %x[j if \(condition)]
            }
          }
          """, [bytes, [UInt8](repeating: 1, count: bytes.count), [UInt8](repeating: 1, count: bytes.count)])
      }
    }
  }

  @Test func packedNibbles() throws {
    let bytes = (0..<64).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) }
    for dtype in ["i4", "u4"] {
      let wide = dtype == "i4" ? "i8" : "u8"
      for (start, n) in [(0, 128), (1, 100), (4, 77), (0, 16)] {
        try Self.check(
          """
          kernel nibbles(%x: \(dtype) read, %y: \(wide) write, %z: \(wide) write) tiles t in 1 {
            for j in \(n) vector(1) {
              %y[j] = %x[j + \(start)]
            }
            for k in \(n) {
              %z[k] = %x[k + \(start)]
            }
          }
          """, [bytes, [UInt8](repeating: 0, count: n), [UInt8](repeating: 0, count: n)])
      }
    }
  }

  @Test func nestedLoops() throws {
    try Self.check(
      """
      kernel nested(%x: f32 read, %w: f32 read, %y: f32 write; n, m) scratch(%s: f32[40]) tiles t in n {
        for j in 40 vector(2) {
          var s: f32 = 0.0
          for k in m {
            s += %x[t * m + k] * %w[k * 40 + j]
          }
          for u in 3 unrolled {
            s += f32(u)
          }
          %s[j] = s
        }
        for j2 in 40 vector(2) {
          %y[t * 40 + j2] = %s[39 - j2] + exp(%w[t])
        }
      }
      """, [Self.floats(15), Self.floats(200), Self.floats(120)], sizes: [3, 5], tiles: 3, ulps: 16)
  }

  @Test func branches() throws {
    try Self.check(
      """
      kernel branches(%x: f32 read, %y: f32 write, %z: f32 write; n) tiles t in 3 {
        for j in 37 vector(2) {
          var v: f32 = 1.0
          if %x[j] > 0.0 {
            v = %x[j] * 2.0
            if j < 20 {
              v += %x[j + 17]
              %z[t * 37 + j] = v
            }
          } else {
            v = -%x[j]
          }
          %y[t * 37 + j] = v
        }
        if t == 1 && n > 3 {
          %y[t * 37] = 100.0
        } else {
          for k in n {
            %y[t * 37 + k] = f32(k)
          }
        }
      }
      """, [Self.floats(37), Self.floats(111), Self.floats(111, 4)], sizes: [5], tiles: 3, ulps: 1)
  }

  @Test func repeatedWhile() throws {
    try Self.check(
      """
      kernel collatz(%x: i64 read, %y: i64 write) tiles t in 6 {
        var v: i64 = %x[t]
        var steps: i64 = 0
        while v > 1 {
          v = select(v % 2 == 0, v // 2, v * 3 + 1)
          steps += 1
        }
        %y[t] = steps
      }
      """, [Harness.bytes([27, 1, 97, 0, -4, 6].map { Int64($0) }), [UInt8](repeating: 0, count: 48)], tiles: 6)
  }

  /// The result in the operand's memory.
  @Test func inPlace() throws {
    let kernel = try Harness.parse(
      """
      kernel softmax(%x: f32 read, %y: f32 write) tiles t in 4 {
        var m: f32 = -inf
        for j in 45 vector(2) {
          m max= %x[t * 45 + j]
        }
        var s: f32 = 0.0
        for k in 45 vector(2) {
          s += exp(%x[t * 45 + k] - m)
        }
        let r: f32 = 1.0 / s
        for l in 45 vector(2) {
          %y[t * 45 + l] = exp(%x[t * 45 + l] - m) * r
        }
      }

      """)
    let contents = Self.floats(180)
    let (expected, separate) = (GuardedMemory(contents), GuardedMemory(contents))
    try KernelEvaluator.evaluate(kernel, buffers: [separate.bytes, expected.bytes], sizes: [])
    for target in Harness.targets {
      let memory = GuardedMemory(contents)
      let loaded = try Harness.compiler(target).load([kernel])
      guard let pointer = memory.bytes.baseAddress else { continue }
      Harness.call(loaded.functions[0], kernel, [pointer, pointer], [], 0..<4)
      withExtendedLifetime(loaded) {}
      withExtendedLifetime((memory, expected, separate)) {
        #expect(Harness.compare(memory.bytes, expected.bytes, .f32, 16).isEmpty)
      }
    }
  }
}
