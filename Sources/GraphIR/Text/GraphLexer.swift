// SPDX-License-Identifier: Apache-2.0
// Tokens of graph text, and the small grammars that lines are made of: names, sizes, types.

import GraphSupport
import TensorCore

/// A place in the text where it does not read as a graph.
struct GraphTextError: Error {
  var message: String
  var range: SourceRange
}

/// Reads tokens from UTF-8 bytes. Lines matter to the parser alone, as places to go on after an error.
struct GraphLexer {
  enum Token: Hashable {
    case name(String)
    case string(String)
    /// `%5`
    case value(Int)
    case number(String)
    case symbol(String)
    case end

    var description: String {
      switch self {
      case .name(let text), .number(let text), .symbol(let text): "'\(text)'"
      case .string(let text): "\(quoted(text))"
      case .value(let number): "'%\(number)'"
      case .end: "the end of the text"
      }
    }
  }

  let source: SourceText
  private(set) var token = Token.end
  private(set) var range = SourceRange(0, 0)
  private var place = 0

  init(_ source: SourceText) throws(GraphTextError) {
    self.source = source
    try advance()
  }

  private var bytes: [UInt8] { source.bytes }

  mutating func advance() throws(GraphTextError) {
    skipSpace()
    let start = place
    defer { range = SourceRange(start, place) }
    guard place < bytes.count else {
      token = .end
      return
    }
    let byte = bytes[place]
    switch byte {
    case UInt8(ascii: "\""):
      token = .string(try string())
    case UInt8(ascii: "%"):
      place += 1
      if place < bytes.count, isDigit(bytes[place]) {
        let digits = take(while: isDigit)
        guard let number = Int(digits) else { throw error("the number '\(digits)' is too large", from: start) }
        token = .value(number)
      } else {
        token = .symbol("%")
      }
    case _ where isDigit(byte):
      token = .number(number())
    case _ where isName(byte):
      token = .name(take(while: { isName($0) || isDigit($0) }))
    default:
      let longest = ["...", "//"].first { bytes[place...].starts(with: $0.utf8) }
      let text = longest ?? String(UnicodeScalar(byte))
      place += text.utf8.count
      token = .symbol(text)
    }
  }

  /// Goes on after an error in a statement: with the line of the token at fault when that starts a line of its own,
  /// else with the line after it.
  mutating func recover(from error: GraphTextError, inStatementAt start: Int) {
    place = error.range.start
    let line = source.start(ofLine: source.line(at: place))
    let startsLine = bytes[line..<min(max(place, line), bytes.count)].allSatisfy { $0 <= 32 }
    if place <= start || !startsLine { skipLine() }
    while true {
      do throws(GraphTextError) {
        return try advance()
      } catch {
        skipLine()
      }
    }
  }

  private mutating func skipLine() { while place < bytes.count, bytes[place] != 10 { place += 1 } }

  func error(_ message: String, from start: Int? = nil) -> GraphTextError {
    GraphTextError(message: message, range: start.map { SourceRange($0, max(place, $0 + 1)) } ?? range)
  }

  func unexpected(_ wanted: String) -> GraphTextError { error("found \(token.description), expected \(wanted)") }

  // MARK: Grammar

  /// Whether the token is this symbol or word; it is taken.
  mutating func take(_ text: String) throws(GraphTextError) -> Bool {
    guard token == .symbol(text) || token == .name(text) else { return false }
    try advance()
    return true
  }

  mutating func expect(_ text: String) throws(GraphTextError) {
    guard try take(text) else { throw unexpected("'\(text)'") }
  }

  mutating func name(_ wanted: String) throws(GraphTextError) -> String {
    guard case .name(let name) = token else { throw unexpected(wanted) }
    try advance()
    return name
  }

  mutating func string(_ wanted: String) throws(GraphTextError) -> String {
    guard case .string(let text) = token else { throw unexpected(wanted) }
    try advance()
    return text
  }

  mutating func value() throws(GraphTextError) -> Int {
    guard case .value(let number) = token else { throw unexpected("a value such as '%0'") }
    try advance()
    return number
  }

  /// A number's text, with its sign; `inf` and `nan` are numbers.
  mutating func numberText() throws(GraphTextError) -> String {
    let sign = try take("-") ? "-" : ""
    switch token {
    case .number(let text):
      try advance()
      return sign + text
    case .name(let text) where text == "inf" || text == "nan":
      try advance()
      return sign + text
    default:
      throw unexpected("a number")
    }
  }

  mutating func integer() throws(GraphTextError) -> Int {
    let start = range
    let text = try numberText()
    guard let number = Int(text) else {
      throw GraphTextError(message: "'\(text)' is no integer in range", range: start)
    }
    return number
  }

  /// `f32[N, 128]`
  mutating func type() throws(GraphTextError) -> TensorType {
    let start = range
    let name = try name("an element type")
    guard let dtype = DType(name: name) else {
      throw GraphTextError(message: "'\(name)' is no element type", range: start)
    }
    try expect("[")
    var shape: [Dim] = []
    while token != .symbol("]") {
      if !shape.isEmpty { try expect(",") }
      shape.append(try dim())
    }
    try advance()
    return TensorType(dtype, shape)
  }

  /// `2 * N + (T // 2) - 1`
  mutating func dim(depth: Int = 0) throws(GraphTextError) -> Dim {
    guard depth < 64 else { throw error("a size is nested more than 64 deep") }
    let start = range.start
    var sum = try take("-") ? -(try product(depth)) : try product(depth)
    while token == .symbol("+") || token == .symbol("-") {
      let isMinus = token == .symbol("-")
      try advance()
      let term = try product(depth)
      sum = isMinus ? sum - term : sum + term
    }
    guard sum.isValid else { throw error("a size is out of range", from: start) }
    return sum
  }

  private mutating func product(_ depth: Int) throws(GraphTextError) -> Dim {
    var product = try factor(depth)
    while case .symbol(let text) = token, ["*", "//", "%"].contains(text) {
      try advance()
      let next = try factor(depth)
      product = text == "*" ? product * next : text == "%" ? Dim.mod(product, next) : Dim.floorDiv(product, next)
    }
    return product
  }

  private mutating func factor(_ depth: Int) throws(GraphTextError) -> Dim {
    switch token {
    case .number:
      return Dim(try integer())
    case .name(let name):
      try advance()
      guard name == "min" || name == "max", try take("(") else { return Dim(symbol: name) }
      let a = try dim(depth: depth + 1)
      try expect(",")
      let b = try dim(depth: depth + 1)
      try expect(")")
      return name == "min" ? Dim.min(a, b) : Dim.max(a, b)
    default:
      guard try take("(") else { throw unexpected("a size") }
      let inner = try dim(depth: depth + 1)
      try expect(")")
      return inner
    }
  }

  // MARK: Bytes

  private mutating func skipSpace() {
    while place < bytes.count {
      if bytes[place] == UInt8(ascii: "#") {
        while place < bytes.count, bytes[place] != 10 { place += 1 }
      } else if bytes[place] <= 32 {
        place += 1
      } else {
        return
      }
    }
  }

  private mutating func take(while condition: (UInt8) -> Bool) -> String {
    let start = place
    while place < bytes.count, condition(bytes[place]) { place += 1 }
    return String(decoding: bytes[start..<place], as: UTF8.self)
  }

  /// Digits, and a fraction and exponent when there is one; `1...5` is three tokens.
  private mutating func number() -> String {
    var text = take(while: isDigit)
    if place + 1 < bytes.count, bytes[place] == UInt8(ascii: "."), isDigit(bytes[place + 1]) {
      place += 1
      text += "." + take(while: isDigit)
    }
    if place < bytes.count, bytes[place] | 32 == UInt8(ascii: "e") {
      var end = place + 1
      if end < bytes.count, bytes[end] == UInt8(ascii: "-") || bytes[end] == UInt8(ascii: "+") { end += 1 }
      if end < bytes.count, isDigit(bytes[end]) {
        text += String(decoding: bytes[place..<end], as: UTF8.self)
        place = end
        text += take(while: isDigit)
      }
    }
    return text
  }

  private mutating func string() throws(GraphTextError) -> String {
    let start = place
    var content: [UInt8] = []
    place += 1
    while place < bytes.count, bytes[place] != 10 {
      let byte = bytes[place]
      place += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: content, as: UTF8.self) }
      guard byte == UInt8(ascii: "\\") else {
        content.append(byte)
        continue
      }
      guard place < bytes.count else { break }
      let escape = bytes[place]
      place += 1
      switch escape {
      case UInt8(ascii: "n"): content.append(10)
      case UInt8(ascii: "t"): content.append(9)
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): content.append(escape)
      case UInt8(ascii: "u"):
        guard place < bytes.count, bytes[place] == UInt8(ascii: "{") else {
          throw error("'\\u' needs '{…}'", from: start)
        }
        place += 1
        let digits = take(while: { $0 != UInt8(ascii: "}") && isName($0) || isDigit($0) })
        guard let code = UInt32(digits, radix: 16), let scalar = UnicodeScalar(code), place < bytes.count,
          bytes[place] == UInt8(ascii: "}")
        else { throw error("'\\u{\(digits)}' is no character", from: start) }
        place += 1
        content += Array(String(Character(scalar)).utf8)
      default: throw error("'\\\(UnicodeScalar(escape))' is no escape", from: start)
      }
    }
    throw error("a string does not end", from: start)
  }
}

private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

private func isName(_ byte: UInt8) -> Bool {
  byte >= 0x80 || byte == UInt8(ascii: "_") || (byte | 32 >= UInt8(ascii: "a") && byte | 32 <= UInt8(ascii: "z"))
}
