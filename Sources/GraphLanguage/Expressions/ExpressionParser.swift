// SPDX-License-Identifier: Apache-2.0
// Operations, values, formulas and conditions by precedence climbing.

import GraphSupport

/// Reads one expression from a line of text.
struct ExpressionParser {
  /// Levels of brackets, and of the tree that comes out: what reads it may recurse.
  static let depthLimit = 100

  private var lexer: ExpressionLexer
  private var token = ExpressionToken(kind: .end, range: 0..<0)
  private var previousEnd = 0
  private var depth = 0
  /// The brackets that are open, outermost first.
  private var brackets: [ExpressionToken] = []
  /// After a failure: the text ended while a bracket was open, so that more text might mend it.
  private(set) var endsInsideBrackets = false

  init(_ text: MappedText) { lexer = ExpressionLexer(text) }

  /// The whole text as one expression.
  mutating func parseWhole() -> Result<Expression, Label.Problem> {
    do throws(ExpressionFailure) {
      try advance()
      let expression = try parse(1)
      guard token.kind == .end else { throw unexpected("the end of the operation") }
      return .success(expression)
    } catch {
      endsInsideBrackets = token.kind == .end && !brackets.isEmpty
      let range = lexer.text.range(error.range)
      return .failure(Label.Problem(message: error.message, range: range, fixIt: error.fixIt))
    }
  }

  /// `Name(` without a space between: meant as an operation even when it does not read as one.
  static func looksLikeCall(_ text: MappedText) -> Bool {
    guard !text.isEmpty, text[0].isNameStart else { return false }
    var index = 0
    while index < text.count, text[index].isNamePart || text[index] == "." { index += 1 }
    return index < text.count && text[index] == "("
  }

  // MARK: Operators

  private mutating func parse(_ precedence: Int) throws(ExpressionFailure) -> Expression {
    try enter()
    defer { depth -= 1 }
    var left = try parsePrefix()
    while let binary = binaryOperator(), binary.precedence >= precedence {
      let sign = token.range
      try advance()
      // Powers group from the right: 2 ** 3 ** 2 is 2 ** 9.
      let right = try parse(binary == .power ? binary.precedence : binary.precedence + 1)
      left = try make(.binary(binary, left, right), left.range.union(right.range))
      if binary.isComparison, let next = binaryOperator(), next.isComparison {
        throw ExpressionFailure(
          message: "comparisons do not chain, write 'a \(binary.rawValue) b and b \(next.rawValue) c'",
          range: sign.lowerBound..<token.range.upperBound)
      }
    }
    return left
  }

  private mutating func parsePrefix() throws(ExpressionFailure) -> Expression {
    let start = token.range
    if token.isSign("-") || token.isSign("+") {
      let isMinus = token.isSign("-")
      try advance()
      // Tighter than a product, looser than a power: -x ** 2 is -(x ** 2).
      let operand = try parse(BinaryOperator.power.precedence)
      if !isMinus { return operand }
      let range = lexer.text.range(start).union(operand.range)
      switch operand.kind {
      case .integer(let value): return Expression(.integer(-value), range: range)
      case .number(let value): return Expression(.number(-value), range: range)
      case .quantity(let value, let unit): return Expression(.quantity(-value, unit), range: range)
      default: return try make(.unary(.minus, operand), range)
      }
    }
    if token.isName("not") {
      try advance()
      let operand = try parse(3)
      return try make(.unary(.not, operand), lexer.text.range(start).union(operand.range))
    }
    return try parsePrimary()
  }

  private func binaryOperator() -> BinaryOperator? {
    switch token.kind {
    case .sign(let sign): BinaryOperator(rawValue: sign)
    case .name("and"): .and
    case .name("or"): .or
    default: nil
    }
  }

  // MARK: Operands

  private mutating func parsePrimary() throws(ExpressionFailure) -> Expression {
    let start = token.range
    let range = lexer.text.range(start)
    switch token.kind {
    case .integer(let value): return try literal(.integer(value), range)
    case .number(let value): return try literal(.number(value), range)
    case .quantity(let value, let unit): return try literal(.quantity(value, unit), range)
    case .string(let value): return try literal(.string(value), range)
    case .shape(let sizes): return try literal(.tuple(sizes.map { Expression(.integer($0), range: range) }), range)
    case .name(let name):
      guard !["and", "or"].contains(name) else { throw unexpected("a value") }
      try advance()
      if token.isSign("(") { return try parseCall(name, range) }
      switch name {
      case "true", "True": return Expression(.boolean(true), range: range)
      case "false", "False": return Expression(.boolean(false), range: range)
      case "none", "None": return Expression(.none, range: range)
      default: return Expression(.name(name), range: range)
      }
    case .sign("("):
      let (items, hasComma) = try parseItems(closing: ")")
      let whole = lexer.text.range(start.lowerBound..<previousEnd)
      if items.count == 1, !hasComma {
        var inner = items[0]
        inner.range = whole
        return inner
      }
      return try make(.tuple(items), whole)
    case .sign("["):
      let items = try parseItems(closing: "]").items
      return try make(.list(items), lexer.text.range(start.lowerBound..<previousEnd))
    default: throw unexpected("a value")
    }
  }

  private mutating func literal(_ kind: Expression.Kind, _ range: SourceRange) throws(ExpressionFailure) -> Expression {
    try advance()
    return Expression(kind, range: range)
  }

  private mutating func parseItems(
    closing: String
  ) throws(ExpressionFailure) -> (items: [Expression], hasComma: Bool) {
    brackets.append(token)
    try advance()
    var items: [Expression] = []
    var hasComma = false
    while !token.isSign(closing) {
      items.append(try parse(1))
      if token.isSign(",") {
        hasComma = true
        try advance()
      } else if !token.isSign(closing) {
        throw unexpected("',' or '\(closing)'")
      }
    }
    brackets.removeLast()
    try advance()
    return (items, hasComma)
  }

  private mutating func parseCall(_ name: String, _ nameRange: SourceRange) throws(ExpressionFailure) -> Expression {
    brackets.append(token)
    try advance()
    var arguments: [Argument] = []
    while !token.isSign(")") {
      let argument = try parseArgument()
      if argument.name == nil, arguments.last?.name != nil {
        throw failure("a positional argument after a named one", argument.value.range)
      }
      if let name = argument.name, arguments.contains(where: { $0.name == name }) {
        throw failure("the argument '\(name)' is given twice", argument.nameRange ?? argument.value.range)
      }
      arguments.append(argument)
      if token.isSign(",") {
        try advance()
      } else if !token.isSign(")") {
        throw unexpected("',' or ')'")
      }
    }
    brackets.removeLast()
    try advance()
    let call = Call(name: name, nameRange: nameRange, arguments: arguments)
    return try make(.call(call), nameRange.union(lexer.text.range(previousEnd - 1..<previousEnd)))
  }

  /// `value` or `name = value`
  private mutating func parseArgument() throws(ExpressionFailure) -> Argument {
    let value = try parse(1)
    guard token.isSign("=") else { return Argument(value: value) }
    guard case .name(let name) = value.kind else {
      throw unexpected("',' or ')', as only a name may stand before '='")
    }
    try advance()
    return Argument(name: name, nameRange: value.range, value: try parse(1))
  }

  // MARK: Tokens and errors

  private mutating func advance() throws(ExpressionFailure) {
    previousEnd = token.range.upperBound
    token = try lexer.next()
  }

  private mutating func enter() throws(ExpressionFailure) {
    depth += 1
    if depth > ExpressionParser.depthLimit { throw tooDeep() }
  }

  private func make(_ kind: Expression.Kind, _ range: SourceRange) throws(ExpressionFailure) -> Expression {
    let expression = Expression(kind, range: range)
    if expression.depth > ExpressionParser.depthLimit { throw tooDeep() }
    return expression
  }

  private func tooDeep() -> ExpressionFailure {
    ExpressionFailure(
      message: "the operation is nested more than \(ExpressionParser.depthLimit) levels deep", range: token.range)
  }

  /// An error at a place in the file, which lies in the text that was read.
  private func failure(_ message: String, _ range: SourceRange) -> ExpressionFailure {
    let text = lexer.text
    let start = (0..<text.count).first { text.range(at: $0).start >= range.start } ?? 0
    let end = (start..<text.count).first { text.range(at: $0).start >= range.end } ?? text.count
    return ExpressionFailure(message: message, range: start..<end)
  }

  private func unexpected(_ expected: String) -> ExpressionFailure {
    if token.kind == .end {
      if let bracket = brackets.last {
        return ExpressionFailure(message: "the bracket is not closed, expected \(expected)", range: bracket.range)
      }
      return ExpressionFailure(message: "found the end, expected \(expected)", range: token.range)
    }
    let found = lexer.text.string(token.range)
    return ExpressionFailure(message: "found '\(found.prefix(24))', expected \(expected)", range: token.range)
  }
}
