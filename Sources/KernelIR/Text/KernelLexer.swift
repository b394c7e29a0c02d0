// SPDX-License-Identifier: Apache-2.0
// Kernel text to tokens. Line ends count, except inside brackets; `#` after a blank starts a comment.

import GraphSupport

struct KernelToken {
  enum Kind: Equatable {
    /// A word; `quoted` when it stood in backticks and so is never a keyword.
    case word(String, quoted: Bool)
    /// Digits with an optional fraction and exponent, or `0x…`.
    case number(String)
    /// `#a3` right after a name.
    case mark(String)
    case sign(String)
    case lineEnd
    case end
  }

  var kind: Kind
  var range: SourceRange
}

struct KernelLexer {
  private let source: SourceText
  private let bytes: [UInt8]
  private var position = 0
  private var bracketDepth = 0
  private var tokens: [KernelToken] = []

  /// The tokens of a file, the last being `end`.
  static func tokens(_ source: SourceText) throws -> [KernelToken] {
    var lexer = KernelLexer(source)
    while try lexer.next() {}
    return lexer.tokens
  }

  private init(_ source: SourceText) {
    self.source = source
    bytes = source.bytes
  }

  private func peek(_ offset: Int = 0) -> UInt8 { position + offset < bytes.count ? bytes[position + offset] : 0 }

  private mutating func append(_ kind: KernelToken.Kind, from start: Int) {
    tokens.append(KernelToken(kind: kind, range: SourceRange(start, position)))
  }

  private mutating func next() throws -> Bool {
    let start = position
    guard position < bytes.count else {
      append(.lineEnd, from: start)
      append(.end, from: start)
      return false
    }
    let byte = bytes[position]
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "\t"), 13:
      position += 1
    case 10:
      position += 1
      if bracketDepth == 0 { append(.lineEnd, from: start) }
    case UInt8(ascii: "#"):
      while position < bytes.count && bytes[position] != 10 { position += 1 }
    case UInt8(ascii: "`"):
      append(.word(try quotedName(), quoted: true), from: start)
      appendMark()
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      append(.number(number()), from: start)
    default:
      if KernelNames.isWordStart(byte) {
        while KernelNames.isWordPart(peek()) && position < bytes.count { position += 1 }
        append(.word(source.text(SourceRange(start, position)), quoted: false), from: start)
        appendMark()
      } else {
        try sign()
      }
    }
    return true
  }

  /// The number of a name, which follows it without a blank.
  private mutating func appendMark() {
    guard peek() == UInt8(ascii: "#"), KernelNames.isWordPart(peek(1)) else { return }
    let start = position
    position += 1
    while position < bytes.count && KernelNames.isWordPart(bytes[position]) { position += 1 }
    append(.mark(source.text(SourceRange(start + 1, position))), from: start)
  }

  private mutating func quotedName() throws -> String {
    let start = position
    var name: [UInt8] = []
    position += 1
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "`"): return String(decoding: name, as: UTF8.self)
      case UInt8(ascii: "\\"):
        let escaped = peek()
        position += 1
        name.append(escaped == UInt8(ascii: "n") ? 10 : escaped == UInt8(ascii: "r") ? 13 : escaped)
      default: name.append(byte)
      }
    }
    throw DiagnosticsError(
      "kernel-syntax", "the name's closing '`' is missing", at: SourceLocation(source, SourceRange(start, start + 1)))
  }

  private mutating func number() -> String {
    let start = position
    if peek() == UInt8(ascii: "0") && peek(1) == UInt8(ascii: "x") {
      position += 2
      while KernelNames.isWordPart(peek()) { position += 1 }
      return source.text(SourceRange(start, position))
    }
    func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    while isDigit(peek()) { position += 1 }
    if peek() == UInt8(ascii: "."), isDigit(peek(1)) {
      position += 1
      while isDigit(peek()) { position += 1 }
    }
    if peek() | 0x20 == UInt8(ascii: "e") {
      let signed = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-")
      if isDigit(peek(signed ? 2 : 1)) {
        position += signed ? 2 : 1
        while isDigit(peek()) { position += 1 }
      }
    }
    return source.text(SourceRange(start, position))
  }

  private static let longSigns = ["//", "<=", ">=", "==", "!=", "&&", "||", "<<", ">>", "+=", "*="]
  private static let shortSigns = "(){}[],;:=+-*/%<>!~&|^$"

  private mutating func sign() throws {
    let start = position
    let first = Character(UnicodeScalar(peek()))
    let two = "\(first)\(Character(UnicodeScalar(peek(1))))"
    if Self.longSigns.contains(two) {
      position += 2
      append(.sign(two), from: start)
      return
    }
    guard Self.shortSigns.contains(first) else {
      throw DiagnosticsError(
        "kernel-syntax", "the character '\(first)' has no meaning in kernel text",
        at: SourceLocation(source, SourceRange(start, start + 1)))
    }
    position += 1
    if first == "(" || first == "[" { bracketDepth += 1 }
    if first == ")" || first == "]" { bracketDepth = max(bracketDepth - 1, 0) }
    append(.sign(String(first)), from: start)
  }
}
