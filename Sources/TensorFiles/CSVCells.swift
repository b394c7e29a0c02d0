// SPDX-License-Identifier: Apache-2.0
// The cells of a CSV file, one after the other: RFC 4180, with LF or CRLF, a byte order mark, and tab or semicolon as
// separator when the first line has no comma.

/// A cell's text is `bytes[start..<end]`, without its quotes.
struct CSVCell {
  var start: Int
  var end: Int
  var isQuoted = false
  /// Two quotes inside stand for one.
  var hasEscapes = false
  /// It is the last of its row.
  var endsRow = false
}

struct CSVCells {
  let bytes: UnsafeRawBufferPointer
  let separator: UInt8
  private(set) var offset: Int
  private var rowGoesOn = false

  init(_ bytes: UnsafeRawBufferPointer) throws(TextFault) {
    self.bytes = bytes
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      throw TextFault(offset: 0, message: "UTF-16 text, expected UTF-8: convert it, for example with 'iconv -f utf-16'")
    }
    offset = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    separator = Self.separator(bytes[offset...])
  }

  private static func separator(_ bytes: Slice<UnsafeRawBufferPointer>) -> UInt8 {
    var inQuotes = false
    var other: UInt8?
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""): inQuotes.toggle()
      case UInt8(ascii: ",") where !inQuotes: return byte
      case UInt8(ascii: "\t") where !inQuotes, UInt8(ascii: ";") where !inQuotes: other = other ?? byte
      case UInt8(ascii: "\n") where !inQuotes: return other ?? UInt8(ascii: ",")
      default: break
      }
    }
    return other ?? UInt8(ascii: ",")
  }

  /// The next cell; nil at the end. Empty lines are passed over.
  mutating func next() throws(TextFault) -> CSVCell? {
    if !rowGoesOn {
      while offset < bytes.count, bytes[offset] == 10 || (bytes[offset] == 13 && isLineEnd(offset + 1)) { offset += 1 }
      if offset == bytes.count { return nil }
    }
    var cell = CSVCell(start: offset, end: offset)
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") {
      try quotedCell(&cell)
    } else {
      while offset < bytes.count, bytes[offset] != separator, bytes[offset] != 10 { offset += 1 }
      cell.end = offset
      if isLineEnd(offset), cell.end > cell.start, bytes[cell.end - 1] == 13 { cell.end -= 1 }
    }
    cell.endsRow = isLineEnd(offset)
    rowGoesOn = !cell.endsRow
    if offset < bytes.count { offset += 1 }
    return cell
  }

  private func isLineEnd(_ offset: Int) -> Bool { offset >= bytes.count || bytes[offset] == 10 }

  private mutating func quotedCell(_ cell: inout CSVCell) throws(TextFault) {
    let quote = UInt8(ascii: "\"")
    let opening = offset
    cell.isQuoted = true
    cell.start = offset + 1
    offset += 1
    while true {
      guard offset < bytes.count else {
        throw TextFault(offset: opening, message: "a quoted cell without its closing quote")
      }
      if bytes[offset] == quote {
        guard offset + 1 < bytes.count, bytes[offset + 1] == quote else { break }
        cell.hasEscapes = true
        offset += 1
      }
      offset += 1
    }
    cell.end = offset
    offset += 1
    if offset < bytes.count, bytes[offset] == 13, isLineEnd(offset + 1) { offset += 1 }
    guard isLineEnd(offset) || bytes[offset] == separator else {
      throw TextFault(
        offset: offset,
        message: "found \(quoted([bytes[offset]])) behind a closing quote, expected a separator or a new line")
    }
  }

  // MARK: Values

  /// A cell's text; not UTF-8 is an error.
  func text(_ cell: CSVCell) throws(TextFault) -> String {
    let raw = bytes[cell.start..<cell.end]
    guard let text = String(validating: raw, as: UTF8.self) else {
      throw TextFault(
        offset: cell.start, length: cell.end - cell.start,
        message: "text that is not UTF-8: convert the file, for example with 'iconv -f gb18030 -t utf-8'")
    }
    guard cell.hasEscapes else { return text }
    var out = String.UnicodeScalarView()
    var afterQuote = false
    for scalar in text.unicodeScalars {
      if scalar == "\"" && afterQuote {
        afterQuote = false
        continue
      }
      afterQuote = scalar == "\""
      out.append(scalar)
    }
    return String(out)
  }

  /// What a cell means in a column of numbers.
  enum Value {
    case number(DecimalNumber)
    case missing
    case text
  }

  /// Numbers, `nan` and `inf` in any case; missing are empty cells, `NA`, `N/A` and `null`; the rest is text.
  func value(_ cell: CSVCell) -> Value {
    var (start, end) = (cell.start, cell.end)
    while start < end, Self.isBlank(bytes[start]) { start += 1 }
    while start < end, Self.isBlank(bytes[end - 1]) { end -= 1 }
    if start == end { return .missing }
    let part = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    if let number = DecimalNumber(part) { return .number(number) }
    guard part.count <= 9 else { return .text }
    switch String(decoding: part, as: UTF8.self).lowercased() {
    case "nan": return .number(.real(.nan))
    case "inf", "+inf", "infinity", "+infinity": return .number(.real(.infinity))
    case "-inf", "-infinity": return .number(.real(-.infinity))
    case "na", "n/a", "null": return .missing
    default: return .text
    }
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
