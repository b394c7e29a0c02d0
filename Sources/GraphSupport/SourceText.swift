// SPDX-License-Identifier: Apache-2.0
// A source file's text with its line table, and ranges in it.

/// Half-open byte offsets into a `SourceText`.
package struct SourceRange: Hashable, Sendable {
  package var start: Int
  package var end: Int

  package init(_ start: Int, _ end: Int) {
    self.start = start
    self.end = Swift.max(start, end)
  }

  /// From the start of this range to the end of the other.
  package func union(_ other: SourceRange) -> SourceRange {
    SourceRange(Swift.min(start, other.start), Swift.max(end, other.end))
  }
}

/// A file's UTF-8 text. Lines and columns count from 1; a column is a Unicode character, as editors count.
package final class SourceText: Sendable {
  package let path: String
  package let bytes: [UInt8]
  private let lineStarts: [Int]

  package init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
    var starts = [0]
    for (index, byte) in bytes.enumerated() where byte == 10 { starts.append(index + 1) }
    lineStarts = starts
  }

  package convenience init(path: String, _ text: String) { self.init(path: path, bytes: Array(text.utf8)) }

  /// The number of the line that holds a byte offset, from 1.
  package func line(at offset: Int) -> Int {
    var low = 0
    var high = lineStarts.count
    while low + 1 < high {
      let middle = (low + high) / 2
      if lineStarts[middle] <= offset { low = middle } else { high = middle }
    }
    return low + 1
  }

  /// Line and column of a byte offset, from 1.
  package func position(at offset: Int) -> (line: Int, column: Int) {
    let line = line(at: offset)
    let start = lineStarts[line - 1]
    let end = Swift.min(Swift.max(offset, start), bytes.count)
    return (line, String(decoding: bytes[start..<end], as: UTF8.self).count + 1)
  }

  /// The byte offset where a line starts; lines past the end give the end.
  package func start(ofLine line: Int) -> Int {
    line >= 1 && line <= lineStarts.count ? lineStarts[line - 1] : bytes.count
  }

  /// A line's text without its end of line.
  package func text(ofLine line: Int) -> String {
    guard line >= 1, line <= lineStarts.count else { return "" }
    let start = lineStarts[line - 1]
    var end = line < lineStarts.count ? lineStarts[line] - 1 : bytes.count
    if end > start, bytes[end - 1] == 13 { end -= 1 }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  package func text(_ range: SourceRange) -> String {
    let start = Swift.min(Swift.max(range.start, 0), bytes.count)
    return String(decoding: bytes[start..<Swift.min(Swift.max(range.end, start), bytes.count)], as: UTF8.self)
  }
}

/// A place in a source file that outlives the file's parsing: a box keeps it through every rewrite.
package struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
  package var file: SourceText
  package var range: SourceRange

  package init(_ file: SourceText, _ range: SourceRange) {
    self.file = file
    self.range = range
  }

  package static func == (a: SourceLocation, b: SourceLocation) -> Bool { a.file === b.file && a.range == b.range }
  package func hash(into hasher: inout Hasher) { hasher.combine(range) }

  /// `file:line:column`
  package var description: String {
    let (line, column) = file.position(at: range.start)
    return "\(file.path):\(line):\(column)"
  }
}
