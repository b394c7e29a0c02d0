// SPDX-License-Identifier: Apache-2.0
// Reading the expressions of kernel text, without folding: the nodes are those that were printed.

import TensorCore

extension KernelParser {
  /// An expression of bounded height, because later walks recurse over it.
  mutating func expression() throws -> Expr { try nested { try $0.binary(0) } }

  private func make(_ kind: Expr.Kind, _ dtype: DType) throws -> Expr {
    let e = Expr(kind, dtype)
    guard e.height <= KernelLimits.expressionHeight else { throw error("this expression is deeper than any kernel's") }
    return e
  }

  private mutating func binary(_ level: Int) throws -> Expr {
    var left = try prefix()
    while case .sign(let sign) = next, let infix = BinaryFunction.named(infix: sign), infix.level >= level {
      position += 1
      let right = try nested { try $0.binary(infix.level + 1) }
      if infix.function == .sub, right.dtype == .i64, let value = right.integerValue, value >= 0 {
        left = try make(binary: .add, left, .integer(-value))
      } else {
        left = try make(binary: infix.function, left, right)
      }
      if infix.function.isComparison, case .sign(let after) = next,
        BinaryFunction.named(infix: after)?.function.isComparison == true
      {
        throw error("comparisons do not chain, use brackets")
      }
    }
    return left
  }

  private func make(binary function: BinaryFunction, _ a: Expr, _ b: Expr) throws -> Expr {
    try make(.binary(function, a, b), function.isComparison ? .bool : a.dtype)
  }

  private func make(unary function: UnaryFunction, _ x: Expr) throws -> Expr {
    switch function {
    case .isNaN, .isInf, .not: try make(.unary(function, x), .bool)
    default: try make(.unary(function, x), x.dtype)
    }
  }

  private mutating func prefix() throws -> Expr {
    if next == .sign("-") {
      switch following {
      case .number, .word("inf", quoted: false):
        position += 1
        return try literal(negative: true)
      default: break
      }
    }
    for function in [UnaryFunction.neg, .not, .bitNot] where take(function.prefix ?? "") {
      return try make(unary: function, try nested { try $0.prefix() })
    }
    return try primary()
  }

  private mutating func primary() throws -> Expr {
    switch next {
    case .number, .word("inf", false), .word("nan", false), .word("true", false), .word("false", false):
      return try literal(negative: false)
    case .sign("("):
      position += 1
      let inner = try expression()
      try expect(")")
      return inner
    case .sign("$"):
      let start = position
      let number = try sharedNumber()
      guard let value = shared[number] else { throw error("'$\(number)' has no value yet", at: start) }
      return value
    case .sign("%"):
      let buffer = try usedBuffer()
      let (offset, condition) = try subscripts()
      let kind = Expr.Kind.load(buffer: buffer.index, offset: offset, guard: condition)
      return try make(kind, buffer.dtype.computeType)
    case .word(let name, let quoted):
      if !quoted && following == .sign("(") { return try call(name) }
      return try use()
    default:
      throw error("found \(found), expected an expression")
    }
  }

  /// The name of an axis, a size or a local.
  private mutating func use() throws -> Expr {
    let start = position
    let (name, key) = try markedName()
    if let local = locals[key] { return try make(.local(local), local.dtype) }
    if let axis = axes[key] { return try make(.axis(axis), .i64) }
    if let size = sizes[key] { return try make(.size(size), .i64) }
    throw error("nothing is named '\(name)' here", at: start)
  }

  private mutating func call(_ name: String) throws -> Expr {
    let start = position
    position += 1
    try expect("(")
    if name == "bitcast" {
      let x = try expression()
      try expect(",")
      let dtype = try dtype()
      try expect(")")
      return try make(.bitcast(x), dtype)
    }
    var operands = [try expression()]
    while take(",") { operands.append(try expression()) }
    try expect(")")
    switch operands.count {
    case 1:
      if let function = UnaryFunction(rawValue: name) { return try make(unary: function, operands[0]) }
      if let dtype = DType(name: name) { return try make(.cast(operands[0]), dtype) }
    case 2:
      if let function = BinaryFunction(rawValue: name) {
        return try make(binary: function, operands[0], operands[1])
      }
    case 3 where name == "select":
      return try make(
        .select(operands[0], operands[1], operands[2]), operands[1].dtype)
    default: break
    }
    throw error("no function '\(name)' takes \(operands.count) operands", at: start)
  }

  // MARK: Elements

  /// `[offset]` or `[offset if guard]`
  mutating func subscripts() throws -> (offset: Expr, guard: Expr?) {
    try expect("[")
    let offset = try expression()
    let condition = take(word: "if") ? try expression() : nil
    try expect("]")
    return (offset, condition)
  }

  /// `$3`
  mutating func sharedNumber() throws -> Int {
    try expect("$")
    return try integer()
  }

  // MARK: Literals

  /// A constant with its type: `3` is i64, `0.5` is f32, all else says its type (`3:i32`, `0.5:f64`).
  private mutating func literal(negative: Bool) throws -> Expr {
    let start = position
    let token = next
    position += 1
    switch token {
    case .word("true", false): return try make(.integer(1), .bool)
    case .word("false", false): return try make(.integer(0), .bool)
    case .word("inf", false): return try real(negative ? -.infinity : .infinity)
    case .word("nan", false):
      guard next == .sign("("), case .number(let text) = following else { return try real(.nan) }
      position += 2
      try expect(")")
      guard text.hasPrefix("0x"), let bits = UInt64(text.dropFirst(2), radix: 16), Double(bitPattern: bits).isNaN else {
        throw error("found '\(text)', expected the bits of a NaN", at: start)
      }
      return try real(Double(bitPattern: bits))
    case .number(let text):
      let signed = negative ? "-\(text)" : text
      if text.contains(where: { $0 == "." || $0 == "e" || $0 == "E" }) {
        guard let value = Double(signed) else { throw error("'\(signed)' is not a number", at: start) }
        return try real(value)
      }
      let dtype = take(":") ? try dtype() : .i64
      let value = dtype == .u64 ? UInt64(signed).map { Int64(bitPattern: $0) } : Int64(signed)
      guard let value else { throw error("'\(signed)' is not a value of \(dtype)", at: start) }
      return try make(.integer(value), dtype)
    default:
      throw error("found \(found), expected a number", at: start)
    }
  }

  private mutating func real(_ value: Double) throws -> Expr {
    try make(.real(value), take(":") ? try dtype() : .f32)
  }
}
