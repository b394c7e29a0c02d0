// SPDX-License-Identifier: Apache-2.0
// The rules inside of labels and quotes.

extension FlowLexer {
  mutating func matchString() -> Match {
    if at("\"`") { return push(.markdown, nil, 2) }
    if let end = run({ $0 != "\"" }) { return .token(.string, end) }
    return at("\"") ? pop(nil, 1) : .none
  }

  mutating func matchMarkdown() -> Match {
    if let end = run({ $0 != "`" && $0 != "\"" }) { return .token(.markdown, end) }
    if at("`\"") { return pop(nil, 2) }
    return matchCommon()
  }

  mutating func matchText() -> Match {
    if let quoted = matchQuote() { return quoted }
    if let end = invisibleLink() { return .token(.link, end) }
    if at("(-") { return push(.ellipseText, .ellipseOpen, 2) }
    if at("])") { return pop(.stadiumClose, 2) }
    if at("([") { return push(.text, .stadiumOpen, 2) }
    if at("]]") { return pop(.subroutineClose, 2) }
    if at("[[") { return push(.text, .subroutineOpen, 2) }
    if at(")]") { return pop(.cylinderClose, 2) }
    if at("[(") { return push(.text, .cylinderOpen, 2) }
    if at(")))") { return pop(.doubleCircleClose, 3) }
    if let bracket = matchOpening() { return bracket }
    if at("|") { return pop(.pipe, 1) }
    if at(")") { return pop(.roundClose, 1) }
    if at("]") { return pop(.squareClose, 1) }
    if at("}") { return pop(.braceClose, 1) }
    if let bracket = matchSimpleOpening() { return bracket }
    if let end = run({ !FlowLexer.isBracket($0) && $0 != "|" && $0 != "\"" }) { return .token(.text, end) }
    return .none
  }

  mutating func matchTrapezoidText() -> Match {
    if let quoted = matchQuote() { return quoted }
    if let end = invisibleLink() { return .token(.link, end) }
    if position + 1 < text.count, text[position + 1] == "]", "\\(?=])".unicodeScalars.contains(text[position]) {
      return pop(.trapezoidClose, 2)
    }
    if at("/]") { return pop(.invertedTrapezoidClose, 2) }
    if position < text.count, text[position] == "/" || text[position] == "\\" { return .token(.text, position + 1) }
    if let end = run({ !FlowLexer.isBracket($0) && $0 != "/" && $0 != "\\" }) { return .token(.text, end) }
    return matchCommon()
  }

  mutating func matchEllipseText() -> Match {
    if let quoted = matchQuote() { return quoted }
    if let end = invisibleLink() { return .token(.link, end) }
    if position + 1 < text.count, text[position + 1] == ")", "-/)".unicodeScalars.contains(text[position]) {
      return pop(.ellipseClose, 2)
    }
    if let end = run({ !FlowLexer.isBracket($0) }, limit: 1) { return .token(.text, end) }
    return matchCommon()
  }

  mutating func matchEdgeText(
    _ closing: Int?, _ isText: (_ character: Unicode.Scalar, _ next: Unicode.Scalar) -> Bool
  ) -> Match {
    if let quoted = matchQuote() { return quoted }
    if let closing { return pop(.link, closing - position) }
    guard position < text.count else { return .none }
    let next = position + 1 < text.count ? text[position + 1] : " "
    return isText(text[position], next) ? .token(.edgeText, position + 1) : matchCommon()
  }

  /// What Mermaid reads in every mode.
  mutating func matchCommon() -> Match {
    if let quoted = matchQuote() { return quoted }
    if let end = invisibleLink() { return .token(.link, end) }
    if at("(-") { return push(.ellipseText, .ellipseOpen, 2) }
    if at("([") { return push(.text, .stadiumOpen, 2) }
    if at("[[") { return push(.text, .subroutineOpen, 2) }
    return matchOpening() ?? matchSimpleOpening() ?? .none
  }
}
