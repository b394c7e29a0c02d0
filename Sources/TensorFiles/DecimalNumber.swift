// SPDX-License-Identifier: Apache-2.0
// Decimal text to numbers: integers exactly, the rest as the nearest Double.

/// A number as a text file gives it.
enum DecimalNumber {
  case integer(Int64)
  /// Above `Int64.max`.
  case unsigned(UInt64)
  case real(Double)

  var double: Double {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .real(let value): value
    }
  }

  /// Reads `[+-] digits [. digits] [e [+-] digits]` that is the whole of `text`; nil otherwise. `-0` is real, because
  /// an integer has no sign of zero.
  init?(_ text: UnsafeRawBufferPointer) {
    var index = 0
    var negative = false
    if let first = text.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
      negative = first == UInt8(ascii: "-")
      index = 1
    }
    var mantissa: UInt64 = 0
    var fits = true
    var digits = 0
    var exponent = 0
    var isInteger = true

    func digit() -> UInt64? {
      guard index < text.count else { return nil }
      let value = text[index] &- UInt8(ascii: "0")
      return value < 10 ? UInt64(value) : nil
    }
    func take(_ value: UInt64) {
      let (scaled, first) = mantissa.multipliedReportingOverflow(by: 10)
      let (sum, second) = scaled.addingReportingOverflow(value)
      if first || second { fits = false } else { mantissa = sum }
      digits += 1
      index += 1
    }
    while let value = digit() { take(value) }
    if index < text.count, text[index] == UInt8(ascii: ".") {
      isInteger = false
      index += 1
      while let value = digit() {
        take(value)
        exponent -= 1
      }
    }
    guard digits > 0 else { return nil }
    if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      index += 1
      var down = false
      if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
        down = text[index] == UInt8(ascii: "-")
        index += 1
      }
      guard digit() != nil else { return nil }
      var power = 0
      while let value = digit() {
        power = min(power * 10 + Int(value), 1_000_000)
        index += 1
      }
      exponent += down ? -power : power
    }
    guard index == text.count else { return nil }
    if isInteger, fits, !(negative && mantissa == 0) {
      if !negative {
        self = Int64(exactly: mantissa).map { .integer($0) } ?? .unsigned(mantissa)
        return
      }
      if mantissa <= UInt64(Int64.max) + 1 {
        self = .integer(Int64(truncatingIfNeeded: 0 &- mantissa))
        return
      }
    }
    // Exact operands and one rounding (Clinger): the common short numbers need no big arithmetic.
    if fits, mantissa <= 1 << 53, exponent.magnitude <= 22 {
      let power = Self.powers[Int(exponent.magnitude)]
      let value = exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
      self = .real(negative ? -value : value)
      return
    }
    guard let value = Double(String(decoding: text, as: UTF8.self)) else { return nil }
    self = .real(value)
  }

  private static let powers: [Double] = (0...22).map { count in (0..<count).reduce(1) { value, _ in value * 10 } }
}
