// SPDX-License-Identifier: Apache-2.0
// Tokens of `.plan` text: words, integers, decimals, quoted strings, punctuation, and size expressions.

import GraphSupport
import TensorCore

/// A cursor over one plan text. Every reader throws a located diagnostic that says what was expected.
struct PlanScanner {
  let source: SourceText
  private var position = 0

  init(_ source: SourceText) { self.source = source }

  var isAtEnd: Bool {
    mutating get {
      skipSpace()
      return position >= source.bytes.count
    }
  }

  private var byte: UInt8? { position < source.bytes.count ? source.bytes[position] : nil }

  /// Blanks and line ends mean nothing; `#` starts a comment.
  private mutating func skipSpace() {
    while let next = byte {
      if next == UInt8(ascii: "#") {
        while let rest = byte, rest != 10 { position += 1 }
      } else if next == 32 || (9...13).contains(next) {
        position += 1
      } else {
        return
      }
    }
  }

  /// An error at the next token.
  mutating func failure(expected: String) -> DiagnosticsError {
    skipSpace()
    let start = position
    var end = start
    while end < source.bytes.count, source.bytes[end] > 32, end - start < 40 { end += 1 }
    let found = end == start ? "the end of the file" : "'\(source.text(SourceRange(start, end)))'"
    return DiagnosticsError(
      "plan-syntax", "found \(found), expected \(expected)",
      at: SourceLocation(source, SourceRange(start, max(end, start + 1))))
  }

  mutating func takes(_ text: String) -> Bool {
    skipSpace()
    let wanted = Array(text.utf8)
    guard source.bytes.count - position >= wanted.count,
      source.bytes[position..<position + wanted.count].elementsEqual(wanted)
    else { return false }
    // A word ends where the word ends.
    if let last = wanted.last, isWord(last), position + wanted.count < source.bytes.count,
      isWord(source.bytes[position + wanted.count])
    {
      return false
    }
    position += wanted.count
    return true
  }

  mutating func expect(_ text: String) throws(DiagnosticsError) {
    guard takes(text) else { throw failure(expected: "'\(text)'") }
  }

  private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...:
      true
    default: false
    }
  }

  /// Letters, digits, `_` and anything outside ASCII; not starting with a digit.
  mutating func word(_ expected: String) throws(DiagnosticsError) -> String {
    skipSpace()
    let start = position
    while let next = byte, isWord(next) { position += 1 }
    guard position > start, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(source.bytes[start]) else {
      position = start
      throw failure(expected: expected)
    }
    return source.text(SourceRange(start, position))
  }

  mutating func integer() throws(DiagnosticsError) -> Int {
    skipSpace()
    let start = position
    if byte == UInt8(ascii: "-") { position += 1 }
    while let next = byte, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { position += 1 }
    guard let value = Int(source.text(SourceRange(start, position))) else {
      position = start
      throw failure(expected: "an integer")
    }
    return value
  }

  mutating func decimal() throws(DiagnosticsError) -> Double {
    skipSpace()
    let start = position
    while let next = byte,
      isWord(next) || next == UInt8(ascii: ".") || next == UInt8(ascii: "-")
        || next == UInt8(ascii: "+")
    { position += 1 }
    guard let value = Double(source.text(SourceRange(start, position))) else {
      position = start
      throw failure(expected: "a number")
    }
    return value
  }

  mutating func string() throws(DiagnosticsError) -> String {
    skipSpace()
    let start = position
    guard byte == UInt8(ascii: "\"") else { throw failure(expected: "a string in double quotes") }
    position += 1
    var result: [UInt8] = []
    while let next = byte, next != 10 {
      position += 1
      switch next {
      case UInt8(ascii: "\""):
        return String(decoding: result, as: UTF8.self)
      case UInt8(ascii: "\\"):
        let scalar = byte
        position += 1
        switch scalar {
        case UInt8(ascii: "n"): result.append(10)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): result.append(scalar ?? 0)
        case UInt8(ascii: "u"):
          let open = position
          while let digit = byte, digit != UInt8(ascii: "}"), position - open < 10 { position += 1 }
          let digits = source.text(SourceRange(min(open + 1, position), position))
          position += 1
          guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) else {
            position = open
            throw failure(expected: "a Unicode scalar such as {1f}")
          }
          result.append(contentsOf: Array(String(Character(scalar)).utf8))
        default:
          position -= 1
          throw failure(expected: "one of \\n \\\" \\\\ \\u{…}")
        }
      default: result.append(next)
      }
    }
    position = start
    throw failure(expected: "a string that ends on its line")
  }

  // MARK: Sizes

  /// A size expression as `Dim` prints it.
  mutating func dim(depth: Int = 0) throws(DiagnosticsError) -> Dim {
    var sum = try product(depth: depth)
    while true {
      if takes("+") {
        sum = sum + (try product(depth: depth))
      } else if takes("-") {
        sum = sum - (try product(depth: depth))
      } else {
        guard sum.isValid else { throw failure(expected: "a size in the range of Int before this") }
        return sum
      }
    }
  }

  private mutating func product(depth: Int) throws(DiagnosticsError) -> Dim {
    var value = try atom(depth: depth)
    while true {
      if takes("*") {
        value = value * (try atom(depth: depth))
      } else if takes("//") {
        value = Dim.floorDiv(value, try atom(depth: depth))
      } else if takes("%") {
        value = Dim.mod(value, try atom(depth: depth))
      } else {
        return value
      }
    }
  }

  private mutating func atom(depth: Int) throws(DiagnosticsError) -> Dim {
    guard depth < 64 else { throw failure(expected: "a size nested at most 64 deep") }
    if takes("(") {
      let inner = try dim(depth: depth + 1)
      try expect(")")
      return inner
    }
    skipSpace()
    if byte == UInt8(ascii: "-"), position + 1 < source.bytes.count {
      // Unary minus binds to a product, so that `-2 * N` reads as printed.
      if !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(source.bytes[position + 1]) {
        position += 1
        return -(try atom(depth: depth + 1))
      }
      return Dim(try integer())
    }
    if let next = byte, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { return Dim(try integer()) }
    let name = try word("a size")
    guard name == "min" || name == "max", takes("(") else { return Dim(symbol: name) }
    let a = try dim(depth: depth + 1)
    try expect(",")
    let b = try dim(depth: depth + 1)
    try expect(")")
    return name == "min" ? Dim.min(a, b) : Dim.max(a, b)
  }

  /// A tensor type such as `f32[N, 784]`.
  mutating func type() throws(DiagnosticsError) -> TensorType {
    let start = position
    guard let dtype = DType(name: try word("an element type such as f32")) else {
      position = start
      throw failure(expected: "one of \(DType.allCases.map(\.name).joined(separator: " "))")
    }
    try expect("[")
    let shape = try list("]") { (scanner) throws(DiagnosticsError) in try scanner.dim() }
    return TensorType(dtype, shape)
  }

  /// Elements separated by commas up to a closing mark, which is taken.
  mutating func list<Element>(
    _ close: String, _ element: (inout PlanScanner) throws(DiagnosticsError) -> Element
  ) throws(DiagnosticsError) -> [Element] {
    var elements: [Element] = []
    if takes(close) { return elements }
    repeat { elements.append(try element(&self)) } while takes(",")
    try expect(close)
    return elements
  }
}
