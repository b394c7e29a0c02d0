// SPDX-License-Identifier: Apache-2.0
// The rules between labels: keywords, ids, brackets and marks, in Mermaid's order.

extension FlowLexer {
  mutating func matchDiagram() -> Match {
    guard position < text.count else { return .token(.endOfFile, position) }
    if let mode = matchAccessibility() { return mode }
    if at("@{") { return push(.metadata, .metadataOpen, 2) }
    if at("call"), isSpace(position + 4) { return push(.callbackName, nil, spaceEnd(position + 4) - position) }
    if at("\"`") { return push(.markdown, nil, 2) }
    if at("\"") { return push(.string, nil, 1) }
    if let keyword = matchKeyword() { return keyword }
    if let (direction, end) = directions.statement(at: position) { return .token(.directionStatement(direction), end) }
    if let end = linkIDEnd() { return .token(.linkID, end) }
    if let end = run(\.isASCIIDigit) { return .token(.number, end) }
    if at("#") { return .token(.hash, position + 1) }
    if at(":::") { return .token(.styleSeparator, position + 3) }
    if let mark = matchMark() { return mark }
    if let arrow = matchArrow() { return arrow }
    if at("(-") { return push(.ellipseText, .ellipseOpen, 2) }
    if at("([") { return push(.text, .stadiumOpen, 2) }
    if at("[[") { return push(.text, .subroutineOpen, 2) }
    if at("[|") { return .token(.propertyOpen, position + 2) }
    if at(">") { return push(.text, .tagEnd, 1) }
    if let bracket = matchOpening() { return bracket }
    if at("<") { return .token(.tagStart, position + 1) }
    if at("^") { return .token(.up, position + 1) }
    if at("\\|") { return .token(.backslashPipe, position + 2) }
    if at("v"), isWordEnd(position + 1) { return .token(.down, position + 1) }
    if let end = nodeStringEnd() { return .token(.nodeString, end) }
    if at("-") { return .token(.minus, position + 1) }
    if text[position].isMermaidLetter { return .token(.unicodeLetter, position + 1) }
    if at("|") { return push(.text, .pipe, 1) }
    if let bracket = matchSimpleOpening() { return bracket }
    if let end = run({ $0 == "\n" }) { return .token(.newline, end) }
    if isSpace(position) { return .token(.space, position + 1) }
    return .none
  }

  /// `accTitle:`, `accDescr:` and `accDescr {`.
  mutating func matchAccessibility() -> Match? {
    for (word, mark, mode, token) in [
      ("accTitle", ":" as Unicode.Scalar, Mode.accTitle, FlowTokenKind.accTitle as FlowTokenKind?),
      ("accDescr", ":", .accDescription, .accDescription), ("accDescr", "{", .accDescriptionBlock, nil),
    ] where at(word) {
      let sign = spaceEnd(position + word.utf8.count)
      if sign < text.count, text[sign] == mark { return push(mode, token, spaceEnd(sign + 1) - position) }
    }
    return nil
  }

  mutating func matchKeyword() -> Match? {
    if atWord("style") { return .token(.style, position + 5) }
    if atWord("default") { return .token(.default, position + 7) }
    if atWord("linkStyle") { return .token(.linkStyle, position + 9) }
    if atWord("interpolate") { return .token(.interpolate, position + 11) }
    if atWord("classDef") { return .token(.classDef, position + 8) }
    if atWord("class") { return .token(.class, position + 5) }
    if at("href"), isSpace(position + 4) { return .token(.href, position + 5) }
    if at("click"), isSpace(position + 5) { return push(.click, nil, spaceEnd(position + 5) - position) }
    for word in ["flowchart-elk", "graph", "flowchart"] where atWord(word) {
      if isFirstGraph {
        isFirstGraph = false
        return push(.header, .graph, word.utf8.count)
      }
      return .token(.graph, position + word.utf8.count)
    }
    if atWord("subgraph") { return .token(.subgraph, position + 8) }
    if atWord("end") { return .token(.end, spaceEnd(position + 3)) }
    for word in ["_self", "_blank", "_parent", "_top"] where atWord(word) {
      return .token(.linkTarget, position + word.utf8.count)
    }
    return nil
  }

  func matchMark() -> Match? {
    let kind: FlowTokenKind? =
      switch text[position] {
      case ":": .colon
      case "&": .ampersand
      case ";": .semicolon
      case ",": .comma
      case "*": .star
      default: nil
      }
    return kind.map { .token($0, position + 1) }
  }
}
