// SPDX-License-Identifier: Apache-2.0
// Arrows: `-->`, `-->|label|`, `-- label -->`, `id@-->` and their kinds.

import GraphSupport

extension FlowParser {
  mutating func parseArrow() throws(Failure) -> FlowArrow {
    let start = visible(token.range.lowerBound)
    var id: String?
    if token.kind == .linkID {
      id = text.string(token.range.lowerBound..<token.range.upperBound - 1)
      advance()
    }
    if token.kind == .startLink {
      let opening = text.string(text.trimmed(token.range))
      openings.append(visible(token.range.lowerBound))
      advance()
      guard let label = parseText(where: { $0 == .edgeText }) else {
        throw unexpected("a label and then an arrow such as '-->'")
      }
      guard token.kind == .link else { throw unexpected("the arrow after its label") }
      let arrow = text.string(text.trimmed(token.range))
      advance()
      openings.removeLast()
      return FlowArrow(id: id, opening: opening, arrow: arrow, label: label, range: arrowRange(start))
    }
    guard token.kind == .link else { throw unexpected("an arrow after its id") }
    let arrow = text.string(text.trimmed(token.range))
    advance()
    var result = FlowArrow(id: id, opening: nil, arrow: arrow, label: nil, range: arrowRange(start))
    if token.kind == .pipe {
      openings.append(token.range.lowerBound)
      advance()
      result.label = try parseText()
      try expect(.pipe, "'|'")
      openings.removeLast()
      result.range = arrowRange(start)
      if token.kind == .space { advance() }
    }
    return result
  }

  private func arrowRange(_ start: Int) -> SourceRange {
    text.range(text.trimmed(start..<max(start, previousEnd)))
  }
}

extension FlowArrow {
  /// An arrow from its characters.
  init(id: String?, opening: String?, arrow: String, label: FlowText?, range: SourceRange) {
    self.id = id
    self.opening = opening
    self.arrow = arrow
    self.label = label
    self.range = range
    head = Edge.Tip(arrow.last)
    stroke = .normal
    if arrow.contains("=") { stroke = .thick }
    if arrow.contains("~") { stroke = .invisible }
    let dots = arrow.lazy.filter { $0 == "." }.count
    if dots > 0 { stroke = .dotted }
    // A tip at the start counts when the end has the same.
    let first = Edge.Tip((opening ?? arrow).first)
    tail = first == head ? first : .none
    let body = arrow.count - 1 - (opening == nil && tail != .none ? 1 : 0)
    length = stroke == .dotted ? dots : max(1, body - 1)
  }
}

extension Edge.Tip {
  init(_ character: Character?) {
    switch character {
    case ">", "<": self = .arrow
    case "o": self = .circle
    case "x": self = .cross
    default: self = .none
    }
  }
}
