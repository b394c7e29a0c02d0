// SPDX-License-Identifier: Apache-2.0
// Reading sizes and tensor types from the text they print as.

extension Dim {
  /// Reads a size such as `4 * T // 2 + max(N, 8)`: what `description` prints, in the syntax of `.graph` text.
  ///
  /// `*`, `//` and `%` bind tighter than `+` and `-`, all from the left. Names that are no plain words stand in quotes.
  package static func parse(_ text: String) throws(DimParser.Failure) -> Dim {
    var parser = DimParser(Array(text.utf8))
    let dim = try parser.dim()
    try parser.expectEnd()
    return dim
  }
}

extension TensorType {
  /// Reads a type such as `f32[N, 32, 4 * T]`.
  package static func parse(_ text: String) throws(DimParser.Failure) -> TensorType {
    var parser = DimParser(Array(text.utf8))
    let type = try parser.type()
    try parser.expectEnd()
    return type
  }
}

/// Reads sizes and types out of a longer text: `offset` moves behind what was read.
package struct DimParser {
  /// What is wrong, at a UTF-8 offset.
  package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    package var offset: Int
    package var message: String
    package var description: String { "\(message), at byte \(offset)" }
  }

  /// How deep brackets may nest.
  private static let depthLimit = 32

  private let bytes: [UInt8]
  package private(set) var offset: Int
  private var depth = 0

  package init(_ bytes: [UInt8], from offset: Int = 0) {
    self.bytes = bytes
    self.offset = offset
  }

  // MARK: Types

  /// A type at the current place.
  package mutating func type() throws(Failure) -> TensorType {
    skipSpace()
    let start = offset
    guard let name = word(), let dtype = DType(name: name) else {
      let names = DType.allCases.map(\.name).joined(separator: " ")
      throw Failure(offset: start, message: "expected an element type, one of \(names)")
    }
    try expect("[", "behind '\(name)'")
    var shape: [Dim] = []
    if take("]") { return TensorType(dtype, []) }
    repeat { shape.append(try dim()) } while take(",")
    try expect("]", "or ',' behind a size")
    return TensorType(dtype, shape)
  }

  // MARK: Sizes

  /// A size at the current place. Arithmetic that leaves the range of Int, and division by zero, are failures.
  package mutating func dim() throws(Failure) -> Dim {
    skipSpace()
    let start = offset
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else {
      throw Failure(offset: start, message: "brackets nested more than \(Self.depthLimit) deep")
    }
    var sum = try product(negative: take("-"))
    while true {
      if take("+") {
        sum = sum + (try product(negative: false))
      } else if take("-") {
        sum = sum + (try product(negative: true))
      } else {
        guard sum.isValid else {
          throw Failure(offset: start, message: "the size leaves the range of 64 bits, or divides by 0")
        }
        return sum
      }
    }
  }

  private mutating func product(negative: Bool) throws(Failure) -> Dim {
    // The sign belongs to the first factor, or the smallest number would not be readable.
    var product = try factor(negative: negative)
    while true {
      if take("*") {
        product = product * (try factor(negative: take("-")))
      } else if take("//") {
        product = Dim.floorDiv(product, try factor(negative: take("-")))
      } else if take("%") {
        product = Dim.mod(product, try factor(negative: take("-")))
      } else {
        return product
      }
    }
  }

  private mutating func factor(negative: Bool) throws(Failure) -> Dim {
    skipSpace()
    let start = offset
    if let number = try number(negative: negative) { return Dim(number) }
    let value: Dim
    if take("(") {
      value = try dim()
      try expect(")", "to close '('")
    } else if let name = try quotedName() {
      value = Dim(symbol: name)
    } else if let name = word() {
      switch name {
      case "min", "max":
        try expect("(", "behind '\(name)'")
        let first = try dim()
        try expect(",", "behind the first size of '\(name)'")
        let second = try dim()
        try expect(")", "to close '\(name)('")
        value = name == "min" ? Dim.min(first, second) : Dim.max(first, second)
      default: value = Dim(symbol: name)
      }
    } else {
      throw Failure(offset: start, message: "expected a size: a number, a name, or '('")
    }
    return negative ? -value : value
  }

  private mutating func number(negative: Bool) throws(Failure) -> Int? {
    let start = offset
    var value = 0
    while offset < bytes.count, bytes[offset] &- UInt8(ascii: "0") < 10 {
      let digit = Int(bytes[offset] - UInt8(ascii: "0"))
      let (scaled, first) = value.multipliedReportingOverflow(by: 10)
      let (sum, second) = scaled.addingReportingOverflow(negative ? -digit : digit)
      if first || second { throw Failure(offset: start, message: "a number beyond the range of 64 bits") }
      value = sum
      offset += 1
    }
    return offset > start ? value : nil
  }

  // MARK: Tokens

  /// A letter or '_', then letters, digits and '_', of any script.
  private mutating func word() -> String? {
    let start = offset
    var end = offset
    while end < bytes.count, Dim.isWordByte(bytes[end]) { end += 1 }
    guard let text = String(validating: bytes[start..<end], as: UTF8.self), Dim.isWord(text) else { return nil }
    offset = end
    return text
  }

  private mutating func quotedName() throws(Failure) -> String? {
    guard take("'") else { return nil }
    let start = offset
    var name: [UInt8] = []
    while offset < bytes.count, bytes[offset] != UInt8(ascii: "'") {
      if bytes[offset] == UInt8(ascii: "\\"), offset + 1 < bytes.count { offset += 1 }
      name.append(bytes[offset])
      offset += 1
    }
    guard offset < bytes.count, let text = String(validating: name, as: UTF8.self) else {
      throw Failure(offset: start, message: "a quoted name that does not end, or is not UTF-8")
    }
    offset += 1
    return text
  }

  private mutating func skipSpace() {
    while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 }
  }

  private mutating func take(_ mark: StaticString) -> Bool {
    skipSpace()
    let text = UnsafeBufferPointer(start: mark.utf8Start, count: mark.utf8CodeUnitCount)
    guard bytes[offset...].starts(with: text) else { return false }
    offset += text.count
    return true
  }

  private mutating func expect(_ mark: StaticString, _ place: String) throws(Failure) {
    guard !take(mark) else { return }
    throw Failure(offset: offset, message: "\(found), expected '\(mark)' \(place)")
  }

  /// Fails unless only white space is left.
  package mutating func expectEnd() throws(Failure) {
    skipSpace()
    if offset < bytes.count { throw Failure(offset: offset, message: "\(found), expected the end") }
  }

  private var found: String {
    guard offset < bytes.count else { return "the text ends" }
    return String(decoding: bytes[offset...].prefix(16), as: UTF8.self).first.map { "found '\($0)'" } ?? "the text ends"
  }
}

extension Dim {
  /// Bytes of words; those from 128 up belong to letters of other scripts, which `isWord` judges.
  fileprivate static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), 128...:
      true
    default: false
    }
  }

  fileprivate static func isWord(_ text: String) -> Bool {
    guard let first = text.first, first.isLetter || first == "_" else { return false }
    return text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
  }

  /// A name as text that reads back: in quotes unless it is a plain word.
  static func nameText(_ name: String) -> String {
    if isWord(name) && name != "min" && name != "max" { return name }
    var text = "'"
    for scalar in name.unicodeScalars {
      if scalar == "'" || scalar == "\\" { text += "\\" }
      text.unicodeScalars.append(scalar)
    }
    return text + "'"
  }
}
