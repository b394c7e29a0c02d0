// SPDX-License-Identifier: Apache-2.0
// The Python dictionary literal of a .npy header, and nothing else of Python.

/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }` with its keys in any order.
struct NPYHeaderParser {
  struct Fields {
    var descr: [UInt8] = []
    var columnMajor = false
    var shape: [Int] = []
  }

  /// NumPy's own limit.
  private static let rankLimit = 64

  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func parse() throws(TextFault) -> Fields {
    var fields = Fields()
    var seen: Set<String> = []
    try expect("{")
    while !take("}") {
      let start = offset
      let key = String(decoding: try string(), as: UTF8.self)
      guard seen.insert(key).inserted else { throw TextFault(offset: start, message: "key \(quoted(key)) twice") }
      try expect(":")
      switch key {
      case "descr":
        if peek() == UInt8(ascii: "[") {
          throw TextFault(offset: offset, message: "a structured element type, expected one plain type")
        }
        fields.descr = try string()
      case "fortran_order": fields.columnMajor = try boolean()
      case "shape": fields.shape = try tuple()
      default: throw TextFault(offset: start, message: "unknown key \(quoted(key))")
      }
      if !take(",") {
        try expect("}")
        break
      }
    }
    for key in ["descr", "fortran_order", "shape"] where !seen.contains(key) {
      throw TextFault(offset: offset, message: "key '\(key)' is missing")
    }
    if peek() != nil { throw TextFault(offset: offset, message: "text behind the dictionary") }
    return fields
  }

  private mutating func peek() -> UInt8? {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x09, 0x0A, 0x0D: offset += 1
      case let byte: return byte
      }
    }
    return nil
  }

  private mutating func take(_ mark: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: mark) else { return false }
    offset += 1
    return true
  }

  private mutating func expect(_ mark: Unicode.Scalar) throws(TextFault) {
    guard !take(mark) else { return }
    let found = peek().map { quoted([$0]) } ?? "the end"
    throw TextFault(offset: offset, message: "found \(found), expected '\(mark)'")
  }

  private mutating func string() throws(TextFault) -> [UInt8] {
    guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
      throw TextFault(offset: offset, message: "expected a quoted string")
    }
    let start = offset + 1
    guard let end = bytes[start...].firstIndex(of: quote), !bytes[start..<end].contains(UInt8(ascii: "\\")) else {
      throw TextFault(offset: offset, message: "a string that does not end, or has escapes")
    }
    offset = end + 1
    return Array(bytes[start..<end])
  }

  private mutating func boolean() throws(TextFault) -> Bool {
    guard peek() != nil else { throw TextFault(offset: offset, message: "expected True or False") }
    for (text, value) in [("True", true), ("False", false)] where bytes[offset...].starts(with: text.utf8) {
      offset += text.utf8.count
      return value
    }
    throw TextFault(offset: offset, message: "expected True or False")
  }

  private mutating func tuple() throws(TextFault) -> [Int] {
    let start = offset
    try expect("(")
    var sizes: [Int] = []
    while !take(")") {
      sizes.append(try size())
      guard sizes.count <= Self.rankLimit else {
        throw TextFault(offset: start, message: "a shape with more than \(Self.rankLimit) axes")
      }
      if !take(",") {
        // In Python '(3)' is a number; only '(3,)' is a tuple.
        guard sizes.count > 1 else {
          throw TextFault(offset: offset, message: "expected ',' behind a shape's only size")
        }
        try expect(")")
        break
      }
    }
    return sizes
  }

  private mutating func size() throws(TextFault) -> Int {
    _ = peek()
    let start = offset
    var value = 0
    while offset < bytes.count, bytes[offset] &- UInt8(ascii: "0") < 10 {
      let (scaled, first) = value.multipliedReportingOverflow(by: 10)
      let (sum, second) = scaled.addingReportingOverflow(Int(bytes[offset] - UInt8(ascii: "0")))
      if first || second { throw TextFault(offset: start, message: "a size beyond 2^63") }
      value = sum
      offset += 1
    }
    guard offset > start else { throw TextFault(offset: start, message: "expected a size, a whole number from 0") }
    // Python 2 wrote long integers as '3L'.
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "L") { offset += 1 }
    return value
  }
}
