// SPDX-License-Identifier: Apache-2.0
// Reductions over vector loops: every combiner, ties, NaN, and bits that do not depend on how tiles are split.

import KernelIR
import LLVMBackend
import TensorCore
import Testing

@Suite struct ReductionTests {
  @Test(arguments: [DType.f32, .f64, .i32, .i64, .u8, .i16]) func combiners(_ dtype: DType) throws {
    for combiner in ["+=", "*=", "max=", "min="] {
      for n in [0, 1, 2, 15, 16, 17, 48, 70, 131] {
        var random = Random(UInt64(n))
        // Small integers: sums and products in any order are exact, or wrap.
        let values = (0..<2 * n).map { _ in Int.random(in: dtype.isSigned ? -2...2 : 0...3, using: &random) }
        let bytes: [UInt8] =
          switch dtype {
          case .f32: Harness.bytes(values.map { Float($0 == 0 ? 1 : $0.signum()) })
          case .f64: Harness.bytes(values.map { Double($0 == 0 ? 1 : $0.signum()) })
          default:
            values.flatMap { value in withUnsafeBytes(of: Int64(value).littleEndian) { Array($0.prefix(dtype.size)) } }
          }
        let start = dtype.isFloat ? (dtype == .f64 ? "1.0:f64" : "1.0") : dtype == .i64 ? "1" : "1:\(dtype)"
        try LoopTests.check(
          """
          kernel reduce(%x: \(dtype) read, %y: \(dtype) write; n) tiles t in 2 {
            var s: \(dtype) = \(start)
            for j in n vector(4) {
              s \(combiner) %x[t * n + j]
            }
            %y[t] = s
          }
          """, [bytes, [UInt8](repeating: 0, count: 2 * dtype.size)], sizes: [n], tiles: 2)
      }
    }
  }

  @Test func logic() throws {
    for combiner in ["and=", "or="] {
      for n in [0, 5, 33, 80] {
        let kernel = Kernel(
          name: "logic", parameters: [.init("x", .bool, .read), .init("y", .bool, .write)], sizes: ["n"],
          tileAxis: Axis(id: 0, name: "t"), tiles: .int(1),
          body: [
            .variable(Local(id: 0, name: "s", dtype: .bool), .bool(combiner == "and=")),
            .loop(
              Loop(
                Axis(id: 1, name: "j"), .size(0), .vector(unroll: 2),
                [
                  .accumulate(
                    Local(id: 0, name: "s", dtype: .bool), combiner == "and=" ? .and : .or,
                    .load(0, .bool, at: .axis(Axis(id: 1, name: "j"))))
                ])),
            .store(buffer: 1, offset: .int(0), value: .local(Local(id: 0, name: "s", dtype: .bool)), guard: nil),
          ])
        for odd in [false, true] {
          var bytes = [UInt8](repeating: combiner == "and=" ? 1 : 0, count: n)
          if odd, n > 0 { bytes[n - 1] ^= 1 }
          try Harness.check(kernel, [bytes, [9]], sizes: [n], tiles: 1)
        }
      }
    }
  }

  /// Sums of rounded numbers stay close, and the same bits come from any split of the tiles.
  @Test func sumsAreFixed() throws {
    let kernel = try Harness.parse(
      """
      kernel sum(%x: f32 read, %y: f32 write; n) tiles t in 7 {
        var s: f32 = 0.0
        for j in n vector(4) {
          s += %x[t * n + j]
        }
        %y[t] = s
      }

      """)
    let n = 333
    let contents = [LoopTests.floats(7 * n), LoopTests.floats(7)]
    try Harness.check(kernel, contents, sizes: [n], tiles: 7, ulps: 400)
    let loaded = try Harness.compiler(.native).load([kernel])
    var results: [[UInt8]] = []
    for split in [[0..<7], [0..<3, 3..<7], [6..<7, 0..<1, 1..<6]] {
      let memory = contents.map { GuardedMemory($0) }
      for tiles in split {
        Harness.call(loaded.functions[0], kernel, memory.compactMap(\.bytes.baseAddress), [n], tiles)
      }
      results.append(withExtendedLifetime(memory) { Array(memory[1].bytes) })
    }
    withExtendedLifetime(loaded) {}
    #expect(results[0] == results[1] && results[0] == results[2])
  }

  @Test func indexOfExtreme() throws {
    var random = Random(4)
    for n in [1, 3, 16, 20, 70, 131] {
      for (extreme, order) in [("max=", ""), ("min=", ""), ("max=", " last"), ("min=", " last")] {
        for withNaN in [false, true] {
          // Few distinct values, so that most extremes are ties.
          let values = (0..<2 * n).map { _ in
            withNaN && Int.random(in: 0..<20, using: &random) == 0
              ? Float.nan : Float(Int.random(in: -3...3, using: &random))
          }
          try LoopTests.check(
            """
            kernel arg(%x: f32 read, %v: f32 write, %i: i64 write; n) tiles t in 2 {
              var v: f32 = \(extreme == "max=" ? "-inf" : "inf")
              var i: i64 = 0
              for j in n vector(2) {
                (v, i) \(extreme) %x[t * n + j] at j\(order)
              }
              %v[t] = v
              %i[t] = i
            }
            """, [Harness.bytes(values), LoopTests.floats(2), [UInt8](repeating: 0, count: 16)], sizes: [n], tiles: 2)
        }
      }
    }
  }
}
