// SPDX-License-Identifier: Apache-2.0
// Reading the expressions of kernel text, without folding: the nodes are those that were printed.

import TensorCore

extension KernelParser {
  /// An expression with its height, which is bounded because later walks recurse over it.
  struct Operand {
    var expr: Expr
    var height: Int
  }

  mutating func expression() throws -> Expr { try operand().expr }

  mutating func operand() throws -> Operand { try nested { try $0.binary(0) } }

  private func make(_ kind: Expr.Kind, _ dtype: DType, _ operands: Operand...) throws -> Operand {
    let height = 1 + (operands.map(\.height).max() ?? 0)
    guard height <= KernelLimits.expressionHeight else { throw error("this expression is deeper than any kernel's") }
    return Operand(expr: Expr(kind, dtype), height: height)
  }

  private mutating func binary(_ level: Int) throws -> Operand {
    var left = try prefix()
    while case .sign(let sign) = next, let infix = BinaryFunction.named(infix: sign), infix.level >= level {
      position += 1
      let right = try nested { try $0.binary(infix.level + 1) }
      left = try make(binary: infix.function, left, right)
      if infix.function.isComparison, case .sign(let after) = next,
        BinaryFunction.named(infix: after)?.function.isComparison == true
      {
        throw error("comparisons do not chain, use brackets")
      }
    }
    return left
  }

  private func make(binary function: BinaryFunction, _ a: Operand, _ b: Operand) throws -> Operand {
    try make(.binary(function, a.expr, b.expr), function.isComparison ? .bool : a.expr.dtype, a, b)
  }

  private func make(unary function: UnaryFunction, _ x: Operand) throws -> Operand {
    switch function {
    case .isNaN, .isInf, .not: try make(.unary(function, x.expr), .bool, x)
    default: try make(.unary(function, x.expr), x.expr.dtype, x)
    }
  }

  private mutating func prefix() throws -> Operand {
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

  private mutating func primary() throws -> Operand {
    switch next {
    case .number, .word("inf", false), .word("nan", false), .word("true", false), .word("false", false):
      return try literal(negative: false)
    case .sign("("):
      position += 1
      let inner = try operand()
      try expect(")")
      return inner
    case .sign("$"):
      let start = position
      let number = try sharedNumber()
      guard let value = shared[number] else { throw error("'$\(number)' has no value yet", at: start) }
      return value
    case .sign("%"):
      let buffer = try usedBuffer()
      let (offset, condition) = try subscriptOperands()
      let kind = Expr.Kind.load(buffer: buffer.index, offset: offset.expr, guard: condition?.expr)
      return try make(kind, buffer.dtype.computeType, offset, condition ?? offset)
    case .word(let name, let quoted):
      if !quoted && following == .sign("(") { return try call(name) }
      return try use()
    default:
      throw error("found \(found), expected an expression")
    }
  }

  /// The name of an axis, a size or a local.
  private mutating func use() throws -> Operand {
    let start = position
    let (name, key) = try markedName()
    if let local = locals[key] { return try make(.local(local), local.dtype) }
    if let axis = axes[key] { return try make(.axis(axis), .i64) }
    if let size = sizes[key] { return try make(.size(size), .i64) }
    throw error("nothing is named '\(name)' here", at: start)
  }

  private mutating func call(_ name: String) throws -> Operand {
    let start = position
    position += 1
    try expect("(")
    if name == "bitcast" {
      let x = try operand()
      try expect(",")
      let dtype = try dtype()
      try expect(")")
      return try make(.bitcast(x.expr), dtype, x)
    }
    var operands = [try operand()]
    while take(",") { operands.append(try operand()) }
    try expect(")")
    switch operands.count {
    case 1:
      if let function = UnaryFunction(rawValue: name) { return try make(unary: function, operands[0]) }
      if let dtype = DType(name: name) { return try make(.cast(operands[0].expr), dtype, operands[0]) }
    case 2:
      if let function = BinaryFunction(rawValue: name) {
        return try make(binary: function, operands[0], operands[1])
      }
    case 3 where name == "select":
      return try make(
        .select(operands[0].expr, operands[1].expr, operands[2].expr), operands[1].expr.dtype, operands[0],
        operands[1], operands[2])
    default: break
    }
    throw error("no function '\(name)' takes \(operands.count) operands", at: start)
  }

  // MARK: Elements

  /// `[offset]` or `[offset if guard]`
  mutating func subscripts() throws -> (offset: Expr, guard: Expr?) {
    let (offset, condition) = try subscriptOperands()
    return (offset.expr, condition?.expr)
  }

  private mutating func subscriptOperands() throws -> (offset: Operand, guard: Operand?) {
    try expect("[")
    let offset = try operand()
    let condition = take(word: "if") ? try operand() : nil
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
  private mutating func literal(negative: Bool) throws -> Operand {
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

  private mutating func real(_ value: Double) throws -> Operand {
    try make(.real(value), take(":") ? try dtype() : .f32)
  }
}
