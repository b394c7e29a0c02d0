// SPDX-License-Identifier: Apache-2.0
// Text that knows where each of its characters comes from in the source file.

import GraphSupport

/// Unicode scalars, each with the source bytes that it stands for. Taking comments out, decoding an entity or reading
/// a YAML string changes the text and keeps the places.
package struct MappedText: Sendable {
  package private(set) var scalars: [Unicode.Scalar] = []
  private var starts: [Int32] = []
  private var ends: [Int32] = []
  /// Where the text is when it is empty.
  package var anchor: Int

  package init(anchor: Int) { self.anchor = anchor }

  /// A source's text, decoded. Nil when it is not UTF-8.
  package init?(utf8 source: SourceText, from start: Int = 0) {
    anchor = start
    let bytes = source.bytes
    scalars.reserveCapacity(bytes.count - start)
    starts.reserveCapacity(bytes.count - start)
    ends.reserveCapacity(bytes.count - start)
    var decoder = UTF8()
    var iterator = bytes[min(start, bytes.count)...].makeIterator()
    var offset = start
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar):
        let width = UTF8.width(scalar)
        append(scalar, SourceRange(offset, offset + width))
        offset += width
      case .emptyInput: return
      case .error: return nil
      }
    }
  }

  package var count: Int { scalars.count }
  package var isEmpty: Bool { scalars.isEmpty }

  package subscript(index: Int) -> Unicode.Scalar { scalars[index] }

  package mutating func append(_ scalar: Unicode.Scalar, _ range: SourceRange) {
    scalars.append(scalar)
    starts.append(Int32(truncatingIfNeeded: range.start))
    ends.append(Int32(truncatingIfNeeded: range.end))
  }

  package mutating func append(_ other: MappedText, _ range: Range<Int>) {
    scalars += other.scalars[range]
    starts += other.starts[range]
    ends += other.ends[range]
  }

  /// The source bytes of one character; past the end, the empty range there.
  package func range(at index: Int) -> SourceRange {
    if index < count { return SourceRange(Int(starts[index]), Int(ends[index])) }
    let end = ends.last.map(Int.init) ?? anchor
    return SourceRange(end, end)
  }

  /// From the first to the last character of a range.
  package func range(_ range: Range<Int>) -> SourceRange {
    let first = self.range(at: range.lowerBound)
    if range.isEmpty { return SourceRange(first.start, first.start) }
    return SourceRange(first.start, self.range(at: range.upperBound - 1).end)
  }

  /// The whole text's place.
  package var range: SourceRange { range(0..<count) }

  package subscript(range: Range<Int>) -> MappedText {
    var result = MappedText(anchor: self.range(at: range.lowerBound).start)
    result.append(self, range)
    return result
  }

  package func string(_ range: Range<Int>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars[range])
    return String(text)
  }

  package var string: String { string(0..<count) }

  /// Without white space at either end.
  package func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (low, high) = (range.lowerBound, range.upperBound)
    while low < high, scalars[low].isMermaidSpace { low += 1 }
    while high > low, scalars[high - 1].isMermaidSpace { high -= 1 }
    return low..<high
  }
}
