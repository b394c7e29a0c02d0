// SPDX-License-Identifier: Apache-2.0
// Symbolic sizes against plain arithmetic: values, bounds and text of random expressions.

import TensorCore
import Testing

/// Repeatable random numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// An expression as written, evaluated step by step: what a `Dim` must mean however it simplifies.
private indirect enum Expression: CustomStringConvertible {
  case number(Int)
  case name(String)
  case binary(String, Expression, Expression)

  static func random(_ depth: Int, _ random: inout SeededGenerator) -> Expression {
    if depth == 0 || Int.random(in: 0..<5, using: &random) == 0 {
      return Bool.random(using: &random)
        ? .number(Int.random(in: -4...9, using: &random)) : .name(["N", "T", "批"].randomElement(using: &random) ?? "N")
    }
    let operation = ["+", "-", "*", "//", "%", "min", "max"].randomElement(using: &random) ?? "+"
    return .binary(operation, .random(depth - 1, &random), .random(depth - 1, &random))
  }

  var dim: Dim {
    switch self {
    case .number(let value): Dim(value)
    case .name(let name): Dim(symbol: name)
    case .binary(let operation, let a, let b): Self.apply(operation, a.dim, b.dim)
    }
  }

  private static func apply(_ operation: String, _ a: Dim, _ b: Dim) -> Dim {
    switch operation {
    case "+": a + b
    case "-": a - b
    case "*": a * b
    case "//": Dim.floorDiv(a, b)
    case "%": Dim.mod(a, b)
    case "min": Dim.min(a, b)
    default: Dim.max(a, b)
    }
  }

  /// Nil on a division by zero.
  func value(_ sizes: [String: Int]) -> Int? {
    switch self {
    case .number(let value): return value
    case .name(let name): return sizes[name]
    case .binary(let operation, let a, let b):
      guard let x = a.value(sizes), let y = b.value(sizes) else { return nil }
      switch operation {
      case "+": return x + y
      case "-": return x - y
      case "*": return x * y
      case "min": return Swift.min(x, y)
      case "max": return Swift.max(x, y)
      default:
        guard y != 0 else { return nil }
        let remainder = ((x % y) + y) % y
        return operation == "%" ? remainder : (x - remainder) / y
      }
    }
  }

  var description: String {
    switch self {
    case .number(let value): "\(value)"
    case .name(let name): name
    case .binary(let operation, let a, let b):
      operation.count == 3 ? "\(operation)(\(a), \(b))" : "((\(a)) \(operation) (\(b)))"
    }
  }
}

@Suite struct DimTests {
  @Test func randomExpressions() throws {
    var random = SeededGenerator(state: 7)
    let ranges = ["N": 0...6, "T": 1...9, "批": 2...5]
    for _ in 0..<6000 {
      let expression = Expression.random(4, &random)
      let dim = expression.dim
      let bounds = dim.bounds(ranges)
      for _ in 0..<6 {
        let sizes = ranges.mapValues { Int.random(in: $0, using: &random) }
        guard let value = expression.value(sizes) else { continue }
        // An expression that divides by a constant 0 in some part is invalid as a whole.
        guard dim.isValid else { break }
        guard let found = dim.evaluate(sizes) else {
          Issue.record("\(expression) = \(dim) has no value for \(sizes), expected \(value)")
          return
        }
        #expect(found == value, "\(expression) = \(dim) for \(sizes)")
        #expect(bounds.low ?? .min <= value && value <= bounds.high ?? .max, "bounds \(bounds) of \(dim) for \(sizes)")
      }
      guard dim.isValid else { continue }
      #expect(try Dim.parse(dim.description) == dim, "\(dim)")
      #expect(try Dim.parse(expression.description) == dim, "\(expression)")
    }
  }

  @Test func equalSizesAreEqual() {
    let (n, t) = (Dim(symbol: "N"), Dim(symbol: "T"))
    #expect((n + t) * (n - t) == n * n - t * t)
    #expect(n * 4 - n - 3 * n == 0)
    #expect(Dim.floorDiv(6 * n * t, 2 * t) == 3 * n)
    #expect(Dim.floorDiv(8 * n + 3, 4) == 2 * n)
    #expect(Dim.max(n, n + 1) == n + 1)
    #expect((n + 1).substituting(["N": t - 1]) == t)
    #expect((n * t + Dim.min(n, 3)).symbols == ["N", "T"])
  }

  @Test func nothingTraps() throws {
    let n = Dim(symbol: "N")
    let extremes: [Dim] = [Dim(.max), Dim(.min), -1, 0, 1, n, Dim(.max) * n, Dim(.min) * n - 1, .invalid]
    for a in extremes {
      for b in extremes {
        for result in [a + b, a - b, a * b, .floorDiv(a, b), .mod(a, b), .min(a, b), .max(a, b), .ceilDiv(a, b)] {
          _ = result.bounds(["N": 0...Int.max])
          _ = result.evaluate(["N": .max])
          if result.isValid { #expect(try Dim.parse(result.description) == result, "\(result)") }
        }
      }
    }
    #expect(!(Dim(.max) + 1).isValid && (Dim(.max) + 1).value == nil)
    #expect(Dim(.max) * n != Dim(.min) * n)
    #expect(!Dim.floorDiv(n, 0).isValid)
    var power = n + 1
    for _ in 0..<40 { power = power * (n + Dim(symbol: "T")) }
    #expect(!power.isValid)
  }
}

@Suite struct DimParserTests {
  @Test func typesReadBack() throws {
    let (n, t) = (Dim(symbol: "N"), Dim(symbol: "T"))
    #expect(try TensorType.parse("f32[N, 32, 4 * T]") == TensorType(.f32, [n, 32, 4 * t]))
    #expect(try TensorType.parse(" bool [ ] ") == TensorType(.bool, []))
    #expect(try TensorType.parse("i64[-2*N+T//2 % 3]").shape[0] == -2 * n + .mod(.floorDiv(t, 2), 3))
    for name in ["min", "a b", "it's", "back\\slash", "1st", "", "批 次", "é", "N.x"] {
      let type = TensorType(.u8, [Dim(symbol: name) + 1, 2 * Dim(symbol: name) * n])
      #expect(try TensorType.parse(type.description) == type, "\(type)")
    }
    #expect(try Dim.parse("-9223372036854775808") == Dim(.min))
    #expect(try Dim.parse("N - 9223372036854775808") == n + Dim(.min))
    #expect(try Dim.parse("7 - 2 - 1") == 4)
    #expect(try Dim.parse("-7 // 2") == -4)
    #expect(try Dim.parse("-7 % 3") == 2)
  }

  @Test(arguments: [
    ("f32", "the text ends, expected '[' behind 'f32', at byte 3"), ("f33[1]", "expected an element type"),
    ("f32[1", "the text ends, expected ']' or ',' behind a size, at byte 5"), ("f32[1,]", "expected a size"),
    ("f32[1] x", "found 'x', expected the end, at byte 7"), ("f32[(1]", "found ']', expected ')'"),
    ("f32[min(1)]", "expected ',' behind the first size"), ("f32[9223372036854775808]", "beyond the range of 64 bits"),
    ("f32[1 // 0]", "divides by 0"), ("f32['a]", "a quoted name that does not end"), ("f32[N + é é]", "found 'é'"),
  ])
  func failures(text: String, message: String) {
    do {
      let type = try TensorType.parse(text)
      Issue.record("read \(type)")
    } catch {
      #expect(error.description.contains(message))
    }
  }

  @Test func deepAndDamagedTextEnds() throws {
    #expect(throws: DimParser.Failure.self) { try Dim.parse(String(repeating: "(", count: 100_000)) }
    #expect(throws: DimParser.Failure.self) { try Dim.parse(String(repeating: "min(", count: 100_000)) }
    var random = SeededGenerator(state: 3)
    let good = Array("f32[N, 4 * '批 次' // 2 - max(T, 3) % 5, -1]".utf8)
    for _ in 0..<4000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      var parser = DimParser(bytes)
      do {
        let type = try parser.type()
        #expect(try TensorType.parse(type.description) == type)
      } catch {
        #expect(error.offset <= bytes.count)
      }
    }
  }
}
