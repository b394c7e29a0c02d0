// SPDX-License-Identifier: Apache-2.0
// Expressions as text, with the fewest brackets, and names for what occurs more than once.

import TensorCore

struct ExprPrinter {
  private let names: KernelNames
  /// Names of shared sub-expressions, valid for the statement being printed.
  private var shared: [Expr: String] = [:]
  private var sharedCount = 0

  init(_ names: KernelNames) { self.names = names }

  /// Sub-expressions up to this many nodes are written out at each use.
  private static let inlineNodes = 6

  /// Gives names to what the expressions of one statement share, and the lines that define these names.
  mutating func share(_ expressions: [Expr]) -> [String] {
    shared = [:]
    var uses: [Expr: Int] = [:]
    var nodes: [Expr: Int] = [:]
    var order: [Expr] = []
    for expression in expressions { count(expression, &uses, &nodes, &order) }
    var lines: [String] = []
    for expression in order where uses[expression] ?? 0 > 1 && nodes[expression] ?? 0 > Self.inlineNodes {
      let text = print(expression)
      shared[expression] = "$\(sharedCount)"
      lines.append("$\(sharedCount) = \(text)")
      sharedCount += 1
    }
    return lines
  }

  /// Counts the uses of every distinct node and the nodes of its written-out text, operands first.
  private func count(_ e: Expr, _ uses: inout [Expr: Int], _ nodes: inout [Expr: Int], _ order: inout [Expr]) {
    uses[e, default: 0] += 1
    if nodes[e] != nil { return }
    var total = 1
    for child in e.children {
      count(child, &uses, &nodes, &order)
      total = min(total + (nodes[child] ?? 0), 1 << 20)
    }
    nodes[e] = total
    order.append(e)
  }

  /// The text of an expression, in brackets when it binds less tightly than `level`.
  func print(_ e: Expr, _ level: Int = 0) -> String {
    if let name = shared[e] { return name }
    switch e.kind {
    case .integer(let value): return Self.integer(value, e.dtype)
    case .real(let value): return Self.real(value) + (e.dtype == .f32 ? "" : ":\(e.dtype)")
    case .axis(let axis): return names.text(axis)
    case .size(let index): return names.size(index)
    case .local(let local): return names.text(local)
    case .load(let buffer, let offset, let condition): return element(buffer, offset, condition)
    case .unary(let function, let x):
      if let sign = function.prefix, x.integerValue == nil, x.realValue == nil {
        return brackets(sign + print(x, Precedence.prefix), Precedence.prefix < level)
      }
      return "\(function.rawValue)(\(print(x)))"
    case .binary(let function, let a, let b):
      // Index arithmetic folds `i - 1` to `i + -1`, so that is what `i - 1` stands for in text.
      if function == .add, b.dtype == .i64, let value = b.integerValue, value < 0, value != .min {
        return brackets("\(print(a, Precedence.sum)) - \(-value)", Precedence.sum < level)
      }
      let isPlainSub = function == .sub && b.dtype == .i64 && b.integerValue ?? -1 >= 0
      guard let infix = function.infix(a.dtype), !isPlainSub else {
        return "\(function.rawValue)(\(print(a)), \(print(b)))"
      }
      // Comparisons do not chain, so both sides need a tighter operator.
      let left = function.isComparison ? infix.level + 1 : infix.level
      let text = "\(print(a, left)) \(infix.sign) \(print(b, infix.level + 1))"
      return brackets(text, infix.level < level)
    case .select(let c, let a, let b): return "select(\(print(c)), \(print(a)), \(print(b)))"
    case .cast(let x): return "\(e.dtype)(\(print(x)))"
    case .bitcast(let x): return "bitcast(\(print(x)), \(e.dtype))"
    }
  }

  /// `%x[offset]`, or `%x[offset if guard]`.
  func element(_ buffer: Int, _ offset: Expr, _ condition: Expr?) -> String {
    "\(names.buffer(buffer))[\(print(offset))\(condition.map { " if \(print($0))" } ?? "")]"
  }

  private func brackets(_ text: String, _ needed: Bool) -> String { needed ? "(\(text))" : text }

  static func integer(_ value: Int64, _ dtype: DType) -> String {
    switch dtype {
    case .i64: "\(value)"
    case .u64: "\(UInt64(bitPattern: value)):u64"
    case .bool where value == 0 || value == 1: value == 1 ? "true" : "false"
    default: "\(value):\(dtype)"
    }
  }

  /// The shortest text that reads back as the same bits.
  static func real(_ value: Double) -> String {
    if value.isNaN && value.bitPattern != Double.nan.bitPattern {
      return "nan(0x\(String(value.bitPattern, radix: 16)))"
    }
    return "\(value)"
  }
}

/// How tightly operators bind; more binds tighter.
enum Precedence {
  static let or = 1, and = 2, comparison = 3, bitOr = 4, bitXor = 5, bitAnd = 6, shift = 7, sum = 8, product = 9
  static let prefix = 10
}

extension UnaryFunction {
  /// The sign before the operand, for the functions that have one.
  var prefix: String? {
    switch self {
    case .neg: "-"
    case .not: "!"
    case .bitNot: "~"
    default: nil
    }
  }
}

extension BinaryFunction {
  /// The sign between the operands and how tightly it binds, for the functions that have one.
  func infix(_ dtype: DType) -> (sign: String, level: Int)? {
    switch self {
    case .add: ("+", Precedence.sum)
    case .sub: ("-", Precedence.sum)
    case .mul: ("*", Precedence.product)
    case .div: ("/", Precedence.product)
    case .floorDiv: ("//", Precedence.product)
    case .mod: ("%", Precedence.product)
    case .eq: ("==", Precedence.comparison)
    case .ne: ("!=", Precedence.comparison)
    case .lt: ("<", Precedence.comparison)
    case .le: ("<=", Precedence.comparison)
    case .gt: (">", Precedence.comparison)
    case .ge: (">=", Precedence.comparison)
    case .and: dtype == .bool ? ("&&", Precedence.and) : ("&", Precedence.bitAnd)
    case .or: dtype == .bool ? ("||", Precedence.or) : ("|", Precedence.bitOr)
    case .xor: ("^", Precedence.bitXor)
    case .shl: ("<<", Precedence.shift)
    case .shr: (">>", Precedence.shift)
    case .rem, .max, .min, .pow, .atan2: nil
    }
  }

  /// The function of a sign between operands.
  static func named(infix sign: String) -> (function: BinaryFunction, level: Int)? { infixes[sign] }

  private static let infixes: [String: (function: BinaryFunction, level: Int)] = {
    var table: [String: (function: BinaryFunction, level: Int)] = [:]
    for function in allCases {
      for dtype in [DType.bool, .i64] {
        if let (sign, level) = function.infix(dtype) { table[sign] = (function, level) }
      }
    }
    return table
  }()
}

extension Combiner {
  /// The sign of `accumulate` in text.
  var assignment: String {
    switch self {
    case .sum: "+="
    case .product: "*="
    default: "\(rawValue)="
    }
  }
}
