// SPDX-License-Identifier: Apache-2.0
// The rules of arrows; all take the white space around them along.

extension FlowLexer {
  mutating func matchArrow() -> Match? {
    if let end = solidLink(closing: true) { return .token(.link, end) }
    if let end = solidLink(closing: false) { return push(.edgeText, .startLink, end - position) }
    if let end = thickLink(closing: true) { return .token(.link, end) }
    if let end = thickLink(closing: false) { return push(.thickEdgeText, .startLink, end - position) }
    if let end = dottedLink(closing: true) { return .token(.link, end) }
    if let end = dottedLink(closing: false) { return push(.dottedEdgeText, .startLink, end - position) }
    if let end = invisibleLink() { return .token(.link, end) }
    return nil
  }

  /// `-->`, `---`, `x--o` when closing; `--` when it opens a text.
  mutating func solidLink(closing: Bool) -> Int? { doubledLink("-", closing: closing) }
  mutating func thickLink(closing: Bool) -> Int? { doubledLink("=", closing: closing) }

  mutating func doubledLink(_ mark: Unicode.Scalar, closing: Bool) -> Int? {
    var index = spaceEnd(position)
    if index < text.count, text[index] == "x" || text[index] == "o" || text[index] == "<" { index += 1 }
    let first = index
    while index < text.count, text[index] == mark, closing || index < first + 2 { index += 1 }
    guard index >= first + 2 else { return nil }
    if !closing { return spaceEnd(index) }
    if index < text.count, text[index] == "x" || text[index] == "o" || text[index] == ">" {
      return spaceEnd(index + 1)
    }
    return index >= first + 3 ? spaceEnd(index) : nil
  }

  /// `-.->`, `-.-` when closing; `-.` when it opens a text.
  mutating func dottedLink(closing: Bool) -> Int? {
    var index = spaceEnd(position)
    if index < text.count, text[index] == "x" || text[index] == "o" || text[index] == "<" { index += 1 }
    if !closing { return at("-.", index) ? spaceEnd(index + 2) : nil }
    if index < text.count, text[index] == "-" { index += 1 }
    let dots = index
    while index < text.count, text[index] == "." { index += 1 }
    guard index > dots, index < text.count, text[index] == "-" else { return nil }
    index += 1
    if index < text.count, text[index] == "x" || text[index] == "o" || text[index] == ">" { index += 1 }
    return spaceEnd(index)
  }

  mutating func invisibleLink() -> Int? {
    let start = spaceEnd(position)
    var index = start
    while index < text.count, text[index] == "~" { index += 1 }
    return index >= start + 3 ? spaceEnd(index) : nil
  }
}
