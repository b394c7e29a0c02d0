// SPDX-License-Identifier: Apache-2.0
// Splits an operation into tokens.

/// What is wrong with a piece of an expression, with its characters.
struct ExpressionFailure: Error {
  var message: String
  var range: Range<Int>
  var fixIt: String?
}

/// Reads one token at a time. Names have any script's letters; white space is free, line ends included.
struct ExpressionLexer {
  let text: MappedText
  private var position = 0

  init(_ text: MappedText) { self.text = text }

  mutating func next() throws(ExpressionFailure) -> ExpressionToken {
    while position < text.count, text[position].isMermaidSpace { position += 1 }
    let start = position
    guard start < text.count else { return ExpressionToken(kind: .end, range: start..<start) }
    let kind: ExpressionToken.Kind =
      if text[start].isNameStart {
        .name(name())
      } else if text[start].isASCIIDigit || (text[start] == "." && digit(start + 1)) {
        try number()
      } else if text[start] == "'" || text[start] == "\"" {
        .string(try string())
      } else {
        .sign(try sign())
      }
    return ExpressionToken(kind: kind, range: start..<position)
  }

  /// `relu`, `onnx.LSTM`
  private mutating func name() -> String {
    let start = position
    while position < text.count {
      if text[position].isNamePart {
        position += 1
      } else if text[position] == ".", position + 1 < text.count, text[position + 1].isNameStart {
        position += 1
      } else {
        break
      }
    }
    return text.string(start..<position)
  }

  private mutating func number() throws(ExpressionFailure) -> ExpressionToken.Kind {
    let start = position
    skipDigits()
    if position < text.count, text[position] == "x" || text[position] == "×", digit(position + 1) {
      return .shape(try shape(from: start))
    }
    var isInteger = start < position
    if position < text.count, text[position] == ".", digit(position + 1) {
      isInteger = false
      position += 1
      skipDigits()
    }
    if position < text.count, text[position] == "e" || text[position] == "E" {
      let sign = position + 1
      let hasSign = sign < text.count && (text[sign] == "+" || text[sign] == "-")
      if digit(hasSign ? sign + 1 : sign) {
        isInteger = false
        position = hasSign ? sign + 1 : sign
        skipDigits()
      }
    }
    let digits = text.string(start..<position).filter { $0 != "_" }
    let end = position
    while position < text.count, text[position].isNamePart { position += 1 }
    if position == end, position < text.count, text[position] == "%", !isOperand(position + 1) { position += 1 }
    let suffix = text.string(end..<position)
    if suffix.isEmpty, isInteger {
      guard let value = Int(digits) else {
        throw ExpressionFailure(message: "the number \(digits.prefix(24)) is too large", range: start..<end)
      }
      return .integer(value)
    }
    guard let value = Double(digits), value.isFinite else {
      throw ExpressionFailure(message: "the number \(digits.prefix(24)) is too large", range: start..<end)
    }
    if suffix.isEmpty { return .number(value) }
    guard let unit = Unit(rawValue: suffix == "µs" || suffix == "μs" ? "us" : suffix) else {
      throw ExpressionFailure(
        message: "unknown unit '\(suffix)' after a number", range: end..<position,
        fixIt: Unit.allCases.first { $0.rawValue.lowercased() == suffix.lowercased() }?.rawValue)
    }
    return .quantity(value, unit)
  }

  /// `3x3x8`: digits and crosses without spaces.
  private mutating func shape(from start: Int) throws(ExpressionFailure) -> [Int] {
    var sizes: [Int] = []
    position = start
    while true {
      let first = position
      skipDigits()
      let digits = text.string(first..<position).filter { $0 != "_" }
      guard let size = Int(digits) else {
        throw ExpressionFailure(message: "the size \(digits.prefix(24)) is too large", range: first..<position)
      }
      sizes.append(size)
      guard position < text.count, text[position] == "x" || text[position] == "×", digit(position + 1) else { break }
      position += 1
    }
    if position < text.count, text[position].isNamePart {
      let end = position
      while position < text.count, text[position].isNamePart { position += 1 }
      throw ExpressionFailure(
        message: "found '\(text.string(end..<position))' after a size; a size is numbers joined by 'x', such as 3x3",
        range: end..<position)
    }
    return sizes
  }

  private mutating func string() throws(ExpressionFailure) -> String {
    let start = position
    let quote = text[start]
    var value = String.UnicodeScalarView()
    position += 1
    while position < text.count, text[position] != quote {
      if text[position] == "\\", position + 1 < text.count {
        position += 1
        switch text[position] {
        case "n": value.append("\n")
        case "t": value.append("\t")
        default: value.append(text[position])
        }
      } else {
        value.append(text[position])
      }
      position += 1
    }
    guard position < text.count else {
      throw ExpressionFailure(message: "the string is not closed by \(quote)", range: start..<text.count)
    }
    position += 1
    return String(value)
  }

  private mutating func sign() throws(ExpressionFailure) -> String {
    for sign in ["**", "//", "==", "!=", "<=", ">="] where text.scalars[position...].starts(with: sign.unicodeScalars) {
      position += 2
      return sign
    }
    let scalar = text[position]
    position += 1
    switch scalar {
    case "+", "-", "*", "/", "%", "<", ">", "=", "(", ")", "[", "]", ",": return String(scalar)
    case "−": return "-"
    case "×", "·": return "*"
    case "≤": return "<="
    case "≥": return ">="
    case "≠": return "!="
    default:
      throw ExpressionFailure(
        message: "found '\(scalar)', which is not part of an operation", range: position - 1..<position,
        fixIt: ExpressionLexer.plainSigns[scalar])
    }
  }

  /// What is meant by signs that an East Asian keyboard gives.
  private static let plainSigns: [Unicode.Scalar: String] = [
    "（": "(", "）": ")", "，": ",", "＝": "=", "【": "[", "】": "]", "‘": "'", "’": "'", "“": "'", "”": "'",
  ]

  private func digit(_ index: Int) -> Bool { index < text.count && text[index].isASCIIDigit }

  private mutating func skipDigits() {
    while digit(position) || (position < text.count && text[position] == "_" && digit(position + 1)) { position += 1 }
  }

  /// Whether an operand follows, so that `%` before it is the remainder and not per cent.
  private func isOperand(_ index: Int) -> Bool {
    var index = index
    while index < text.count, text[index].isMermaidSpace { index += 1 }
    guard index < text.count else { return false }
    let scalar = text[index]
    if scalar.isNameStart {
      let rest = text.scalars[index...]
      for word in ["and", "or"] where rest.starts(with: word.unicodeScalars) {
        let end = index + word.utf8.count
        if end >= text.count || !text[end].isNamePart { return false }
      }
      return true
    }
    return scalar.isASCIIDigit || scalar == "(" || scalar == "-" || scalar == "'" || scalar == "."
  }
}
