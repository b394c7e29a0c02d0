// SPDX-License-Identifier: Apache-2.0
// A box's brackets and what stands in them.

import GraphSupport

extension FlowParser {
  /// What may close an outline, and the shape that it makes.
  private typealias Closing = [(kind: FlowTokenKind, shape: BoxShape)]

  private static func closings(_ opening: FlowTokenKind, isDoubled: Bool) -> Closing? {
    switch opening {
    case .squareOpen: [(.squareClose, .rectangle)]
    case .propertyOpen: [(.squareClose, .rectangle)]
    case .roundOpen: [(.roundClose, isDoubled ? .circle : .rounded)]
    case .braceOpen: [(.braceClose, isDoubled ? .hexagon : .diamond)]
    case .doubleCircleOpen: [(.doubleCircleClose, .doubleCircle)]
    case .ellipseOpen: [(.ellipseClose, .ellipse)]
    case .stadiumOpen: [(.stadiumClose, .stadium)]
    case .subroutineOpen: [(.subroutineClose, .subroutine)]
    case .cylinderOpen: [(.cylinderClose, .cylinder)]
    case .tagEnd: [(.squareClose, .flag)]
    case .trapezoidOpen: [(.trapezoidClose, .trapezoid), (.invertedTrapezoidClose, .leanRight)]
    case .invertedTrapezoidOpen: [(.invertedTrapezoidClose, .invertedTrapezoid), (.trapezoidClose, .leanLeft)]
    default: nil
    }
  }

  /// The brackets after a box id, with their label; nil when none open here.
  mutating func parseOutline() throws(Failure) -> FlowOutline? {
    let opening = token.kind
    let start = token.range.lowerBound
    guard FlowParser.closings(opening, isDoubled: false) != nil else { return nil }
    openings.append(start)
    advance()
    if opening == .propertyOpen { try parseProperty() }
    let isDoubled = (opening == .roundOpen || opening == .braceOpen) && token.kind == opening
    if isDoubled { advance() }
    let open = text.string(start..<previousEnd)
    let label = try parseText()
    let closings = FlowParser.closings(opening, isDoubled: isDoubled) ?? []
    guard let closing = closings.first(where: { $0.kind == token.kind }) else { throw unclosed(open, label) }
    let close = token.range.lowerBound
    advance()
    if isDoubled {
      guard token.kind == closing.kind else { throw unclosed(open, label) }
      advance()
    }
    openings.removeLast()
    return FlowOutline(shape: closing.shape, open: open, close: text.string(close..<previousEnd), text: label)
  }

  /// `name:value|` of `[|name:value|label]`.
  private mutating func parseProperty() throws(Failure) {
    try expect(.nodeString, "a property name after '[|'")
    try expect(.colon, "':'")
    try expect(.nodeString, "the property's value")
    try expect(.pipe, "'|'")
  }

  /// A label: free text, or a quoted or Markdown string.
  mutating func parseText() throws(Failure) -> FlowText {
    guard let label = parseText(where: \.isLabelText) else { throw unclosed(nil, nil) }
    return label
  }

  /// A text of tokens that may begin with a string: Mermaid reads `["a" b]`. Nil when there is none.
  mutating func parseText(where isPart: (FlowTokenKind) -> Bool) -> FlowText? {
    let isString = token.kind == .string || token.kind == .markdown
    guard isString || isPart(token.kind) else { return nil }
    let style: Label.Style = token.kind == .markdown ? .markdown : isString ? .quoted : .plain
    var content = MappedText(anchor: text.range(at: token.range.lowerBound).start)
    let first = token.range
    repeat {
      content.append(text, token.range)
      advance()
    } while isPart(token.kind)
    return FlowText(style: style, text: content, quotedCount: isString ? first.count : 0)
  }

  /// A label that is empty, holds what must be quoted, or ends with another bracket than it began with.
  private mutating func unclosed(_ open: String?, _ label: FlowText?) -> Failure {
    guard let start = openings.last, token.kind != .finished, !spansLines(from: start) else {
      return unexpected("a label")
    }
    let found = text.string(text.trimmed(token.range)).prefix(24)
    let isClosing = found.first.map { "])}|".contains($0) } ?? false
    let hasQuotes = text.scalars[previousEnd..<token.range.lowerBound].contains("\"")
    if label == nil, isClosing || hasQuotes {
      report("mermaid-syntax", "empty label, expected a text", start..<token.range.upperBound, fixIt: "\" \"")
    } else if let open, isClosing || label?.style != .plain {
      report("mermaid-syntax", "found '\(found)', expected the bracket that closes '\(open)'", token.range)
    } else {
      report(
        "mermaid-syntax",
        "found '\(found)' in a label; brackets and quotes belong into a quoted label, '\(open ?? "")\"…\"'", token.range
      )
    }
    return Failure()
  }

  private func spansLines(from start: Int) -> Bool {
    text.scalars[start..<max(start, token.range.lowerBound)].contains("\n")
  }
}
