// SPDX-License-Identifier: Apache-2.0
// A strict reader of JSON text, one token after the other: RFC 8259, and `NaN`, `Infinity`, `-Infinity` as numbers.

/// Walks over JSON bytes. Every error has its byte offset.
struct JSONScanner {
  /// How deep arrays and objects may nest.
  static let depthLimit = 64

  let bytes: UnsafeRawBufferPointer
  private(set) var offset = 0

  init(_ bytes: UnsafeRawBufferPointer, from offset: Int = 0) {
    self.bytes = bytes
    self.offset = offset
  }

  /// The next byte after white space; nil at the end.
  mutating func peek() -> UInt8? {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x09, 0x0A, 0x0D: offset += 1
      case let byte: return byte
      }
    }
    return nil
  }

  /// Whether the next token is this punctuation; it is then passed.
  mutating func take(_ mark: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: mark) else { return false }
    offset += 1
    return true
  }

  mutating func expect(_ mark: Unicode.Scalar, _ place: String) throws(TextFault) {
    if !take(mark) { throw unexpected("'\(mark)' \(place)") }
  }

  /// "found X, expected Y" at the next token.
  mutating func unexpected(_ expectation: String) -> TextFault {
    guard peek() != nil else { return TextFault(offset: offset, message: "the text ends, expected \(expectation)") }
    let word = bytes[offset...].prefix(24).prefix { $0 > 0x20 && !",:]}[{\"".utf8.contains($0) }
    let found = word.isEmpty ? bytes[offset...].prefix(1) : word
    return TextFault(offset: offset, length: found.count, message: "found \(quoted(found)), expected \(expectation)")
  }

  mutating func expectEnd() throws(TextFault) {
    if peek() != nil { throw unexpected("the end of the text") }
  }

  // MARK: Values

  mutating func string() throws(TextFault) -> String {
    let start = offset
    try expect("\"", "to start a string")
    var text: [UInt8] = []
    while offset < bytes.count {
      let byte = bytes[offset]
      offset += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let valid = String(validating: text, as: UTF8.self) else {
          throw TextFault(offset: start, length: offset - start, message: "a string that is not UTF-8")
        }
        return valid
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20:
        throw TextFault(
          offset: offset - 1, message: "a control character in a string, expected an escape such as '\\n'")
      default: text.append(byte)
      }
    }
    throw TextFault(offset: start, message: "a string without its closing quote")
  }

  private mutating func escape(into text: inout [UInt8]) throws(TextFault) {
    let start = offset - 1
    guard offset < bytes.count else { throw TextFault(offset: start, message: "the text ends in an escape") }
    let byte = bytes[offset]
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(8)
    case UInt8(ascii: "f"): text.append(12)
    case UInt8(ascii: "n"): text.append(10)
    case UInt8(ascii: "r"): text.append(13)
    case UInt8(ascii: "t"): text.append(9)
    case UInt8(ascii: "u"):
      var code = try hexadecimal(start)
      if code & 0xFC00 == 0xD800, offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"),
        bytes[offset + 1] == UInt8(ascii: "u")
      {
        offset += 2
        let low = try hexadecimal(start)
        guard low & 0xFC00 == 0xDC00 else {
          throw TextFault(offset: start, length: offset - start, message: "half of a surrogate pair")
        }
        code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw TextFault(offset: start, length: offset - start, message: "half of a surrogate pair")
      }
      text.append(contentsOf: String(Character(scalar)).utf8)
    default:
      throw TextFault(offset: start, length: 2, message: "unknown escape \(quoted([UInt8(ascii: "\\"), byte]))")
    }
  }

  private mutating func hexadecimal(_ start: Int) throws(TextFault) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard offset < bytes.count, let digit = Character(Unicode.Scalar(bytes[offset])).hexDigitValue else {
        throw TextFault(offset: start, message: "an escape '\\u' without four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
      offset += 1
    }
    return code
  }

  /// A number, `NaN`, `Infinity` or `-Infinity`.
  mutating func number() throws(TextFault) -> DecimalNumber {
    guard let first = peek() else { throw unexpected("a number") }
    let start = offset
    let minus = UInt8(ascii: "-")
    if first == UInt8(ascii: "N"), let value = word("NaN", .nan) { return value }
    if first == UInt8(ascii: "I"), let value = word("Infinity", .infinity) { return value }
    if first == minus, let value = word("-Infinity", -.infinity) { return value }
    // JSON forbids '+1', '.5', '1.', and leading zeros, which `DecimalNumber` allows.
    var isStrict = first == minus || Self.isDigit(first)
    var end = start + (first == minus ? 1 : 0)
    if byte(end) == UInt8(ascii: "0"), byte(end + 1).map(Self.isDigit) == true { isStrict = false }
    if byte(end).map(Self.isDigit) != true { isStrict = false }
    scan: while let next = byte(end) {
      switch next {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"), minus:
        end += 1
      case UInt8(ascii: "."):
        if byte(end + 1).map(Self.isDigit) != true { isStrict = false }
        end += 1
      default: break scan
      }
    }
    guard isStrict, let value = DecimalNumber(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) else {
      guard end > start else { throw unexpected("a number") }
      throw TextFault(offset: start, length: end - start, message: "\(quoted(bytes[start..<end])) is no number")
    }
    offset = end
    return value
  }

  /// `true` or `false`; nil when the next token is neither.
  mutating func boolean() -> Bool? {
    switch peek() {
    case UInt8(ascii: "t"): word("true", 1) == nil ? nil : true
    case UInt8(ascii: "f"): word("false", 0) == nil ? nil : false
    default: nil
    }
  }

  /// Passes a word and gives its value; nil when it is not next.
  private mutating func word(_ text: StaticString, _ value: Double) -> DecimalNumber? {
    guard ByteView(bytes).starts(with: text, at: offset) else { return nil }
    offset += text.utf8CodeUnitCount
    return .real(value)
  }

  private func byte(_ offset: Int) -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  // MARK: Structure

  /// An object's members in order: `member` is called behind each colon. Duplicate keys are errors.
  mutating func object(_ member: (inout JSONScanner, String) throws(TextFault) -> Void) throws(TextFault) {
    try expect("{", "to start an object")
    var seen: Set<String> = []
    if take("}") { return }
    repeat {
      _ = peek()
      let start = offset
      let key = try string()
      guard seen.insert(key).inserted else {
        throw TextFault(offset: start, length: offset - start, message: "key \(quoted(key)) twice in one object")
      }
      try expect(":", "behind key \(quoted(key))")
      try member(&self, key)
    } while take(",")
    try expect("}", "or ',' in an object")
  }

  /// An array's elements: `element` is called at each.
  mutating func array(_ element: (inout JSONScanner) throws(TextFault) -> Void) throws(TextFault) {
    try expect("[", "to start an array")
    if take("]") { return }
    repeat { try element(&self) } while take(",")
    try expect("]", "or ',' in an array")
  }
}
