// SPDX-License-Identifier: Apache-2.0
// Index simplification: what it must find, and that it never changes a value.

import GraphSupport
import KernelIR
import TensorCore
import TestKit
import Testing

@Suite struct SimplifyIndicesTests {
  /// The simplified form of an expression over t in 12, i in 8, j in 64, k in n and l in m.
  static func simplified(_ text: String, isBool: Bool = false) throws -> String {
    let kernel = try parsed(
      """
      kernel k(%y: \(isBool ? "bool" : "i64") write, %x: i32 read, %g: i64 read; n, m) tiles t in 12 {
        for i in 8 {
          for j in 64 {
            for k in n {
              for l in m {
                %y[t * 8 + i] = \(text)
              }
            }
          }
        }
      }
      """)
    let result = KernelPasses.simplifyIndices(kernel)
    var found = ""
    result.body.visitAll { if case .store(_, _, let value, _) = $0 { found = KernelPrinter.text(value, of: result) } }
    return found
  }

  @Test(arguments: [
    ("(i * 64 + j) // 64", "i"),
    ("(i * 64 + j) % 64", "j"),
    ("(t * 512 + i * 64 + j) // 64 % 8", "i"),
    ("(t * 512 + i * 64 + j) // 512", "t"),
    ("(i * 64 + j) // 16", "i * 4 + j // 16"),
    ("(i * 64 + j) // 128", "i // 2"),
    ("(i * 64 + j) % 128", "i % 2 * 64 + j"),
    ("j // 4 // 4", "j // 16"),
    ("(j // 4 + 3) // 4", "(j + 12) // 16"),
    ("j % 16 // 4", "j // 4 % 4"),
    ("j % 16 % 4", "j % 4"),
    ("j // 8 * 8 + j % 8", "j"),
    ("j // 4 % 4 * 4 + j % 4", "j % 16"),
    ("j // 16 * 16 + j // 4 % 4 * 4 + j % 4", "j"),
    ("(j // 8 * 8 + j % 8) // 64", "0"),
    ("(j * 6 + 4) // 4", "j * 3 // 2 + 1"),
    ("(k * m + l) // m", "k"),
    ("(k * m + l) % m", "l"),
    ("((i * n + k) * m + l) // m % n", "k"),
    ("((i * n + k) * m + l) // (n * m)", "i"),
    ("((i * n + k) * m + l) % (m * n)", "k * m + l"),
    ("(i * (m + 2) + l + 1) // (m + 2)", "i"),
    ("(i * (m + 2) + l + 1) % (m + 2)", "l + 1"),
    ("k // 8 * 8 + k % 8", "k"),
    ("max(i - 9, 0)", "0"),
    ("min(i, 7)", "i"),
    ("min(max(k, 0), n - 1)", "k"),
    ("min(64, 768 - t * 64)", "64"),
    ("select(i < 8, j, k)", "j"),
    ("i - 3 + 3 - i", "0"),
    ("(i * 64 + j) / 64", "i"),
    ("(i << 6) + j >> 6", "i"),
    ("(i64(%x[i]) * 64 + j) // 64", "i64(%x[i])"),
    // An element of an i64 tensor may be anything: the sum wraps.
    ("(%g[i] * 64 + j) // 64", "(%g[i] * 64 + j) // 64"),
    ("%g[(i * 64 + j) // 64 + 2] * 2 + %g[i + 2]", "%g[i + 2] * 3"),
  ])
  func finds(_ text: String, _ expected: String) throws {
    #expect(try Self.simplified(text) == expected)
  }

  @Test(arguments: [
    ("i < 8", "true"), ("i * 64 + j < 512", "true"), ("k < n", "true"), ("k * m + l < n * m", "true"),
    ("i - 1 >= 0", "i - 1 >= 0"), ("j // 8 < 8", "true"), ("k // 8 * 8 <= k", "true"), ("i == 8", "false"),
    ("j % 8 != 9", "true"), ("i < 8 && j < 3", "j < 3"), ("t * 8 + i < 96", "true"),
    ("t * 8 + i < 95", "t * 8 + i < 95"),
    ("i > 2 && i >= 2", "i > 2"), ("%g[0] + 1 > %g[0]", "%g[0] + 1 > %g[0]"),
  ])
  func decides(_ text: String, _ expected: String) throws {
    #expect(try Self.simplified(text, isBool: true) == expected)
  }

  @Test func guardsHelpTheirOffsets() throws {
    let kernel = try parsed(
      """
      kernel pad(%x: f32 read, %y: f32 write; n) tiles t in 10 {
        for i in n + 2 {
          %y[t * (n + 2) + i] = %x[(t * n + max(i - 1, 0)) // 1 if i >= 1 && i < n + 1 && t < 11]
        }
      }

      """)
    let text = KernelPrinter.print(KernelPasses.simplifyIndices(kernel))
    #expect(text.contains("%y[t * 2 + t * n + i] = %x[t * n + i - 1 if i >= 1 && i < n + 1]"))
  }

  @Test func branchesHelpTheirBodies() throws {
    let kernel = try parsed(
      """
      kernel b(%y: i64 write; n) tiles t in n {
        let q: i64 = t // 4
        if t < 8 {
          %y[t] = q // 2
        } else {
          if t >= 8 {
            %y[t if t < n] = min(q, 2)
          }
        }
      }

      """)
    let text = KernelPrinter.print(KernelPasses.simplifyIndices(kernel))
    #expect(text.contains("    %y[t] = 0\n  } else {\n    %y[t] = 2\n"))
  }

  /// Random index expressions have the same value at every point before and after.
  @Test(arguments: 0..<24)
  func valuesAreKept(_ seed: UInt64) throws {
    var random = SeededRandom(seed)
    let sizes = [Int.random(in: 1...5, using: &random), Int.random(in: 1...4, using: &random)]
    let extents: [Expr] = [.int(6), .size(0), .size(1) * .int(3), .int(8)]
    let axes = (0..<4).map { Axis(id: $0, name: "a\($0)") }
    let point = (1..<4).reduce(Expr.axis(axes[0])) { $0 * extents[$1] + .axis(axes[$1]) }
    let count = 6 * sizes[0] * sizes[1] * 3 * 8
    var stores: [Statement] = []
    let expressions = 12
    for number in 0..<expressions {
      let value = RandomIndex(axes: axes, extents: extents).expression(&random, depth: 5)
      stores.append(.store(buffer: 0, offset: point + .int(number) * .size(2), value: value, guard: nil))
    }
    var body = stores
    for index in (1..<4).reversed() { body = [.loop(Loop(axes[index], extents[index], .serial, body))] }
    let kernel = Kernel(
      name: "k", parameters: [.init("y", .i64, .write)], sizes: ["n", "m", "points"], tileAxis: axes[0],
      tiles: extents[0], body: body)
    let simple = KernelPasses.simplifyIndices(kernel)
    #expect(KernelVerifier.verify(simple).map(\.message) == [])
    var results: [[Int64]] = []
    for kernel in [kernel, simple, KernelPasses.simplifyIndices(simple)] {
      var values = [Int64](repeating: -77, count: count * expressions)
      try values.withUnsafeMutableBytes {
        try KernelEvaluator.evaluate(kernel, buffers: [$0], sizes: sizes + [count])
      }
      results.append(values)
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
    if results[0] != results[1] {
      print(sizes, KernelPrinter.print(kernel), KernelPrinter.print(simple), separator: "\n")
    }
  }
}

/// Random expressions of the kinds that layouts give rise to.
struct RandomIndex {
  var axes: [Axis]
  var extents: [Expr]

  func expression(_ random: inout SeededRandom, depth: Int) -> Expr {
    if depth == 0 || Int.random(in: 0..<8, using: &random) == 0 {
      switch Int.random(in: 0..<8, using: &random) {
      case 0: return .int(Int.random(in: -9...20, using: &random))
      case 1: return .size(Int.random(in: 0..<2, using: &random))
      default: return .axis(axes.randomElement(using: &random) ?? axes[0])
      }
    }
    func next() -> Expr { expression(&random, depth: depth - 1) }
    let divisor: Expr =
      switch Int.random(in: 0..<4, using: &random) {
      case 0: .size(0)
      case 1: .size(1) * .int(3)
      case 2: .size(0) * .size(1)
      default: .int([2, 3, 4, 6, 8, 24].randomElement(using: &random) ?? 2)
      }
    switch Int.random(in: 0..<14, using: &random) {
    case 0, 1: return next() + next()
    case 2: return next() - next()
    case 3, 4:
      // A flattened pair, as a reshape writes it.
      let index = Int.random(in: 0..<axes.count, using: &random)
      return next() * extents[index] + .axis(axes[index])
    case 5: return next() * divisor
    case 6, 7, 8: return .floorDiv(next(), divisor)
    case 9, 10, 11: return .mod(next(), divisor)
    case 12: return .binary([.min, .max][Int.random(in: 0..<2, using: &random)], next(), next())
    default:
      let condition = Expr.binary([.lt, .ge, .eq][Int.random(in: 0..<3, using: &random)], next(), next())
      return .select(condition, next(), next())
    }
  }
}
