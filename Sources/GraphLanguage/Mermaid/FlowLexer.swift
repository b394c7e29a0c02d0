// SPDX-License-Identifier: Apache-2.0
// Mermaid's flowchart lexer: modes, and in each the first rule that matches.
//
// The order of the rules is part of the language: `A---oB` is a circle edge, `1end` holds the keyword `end`, a quote
// inside an id is part of the id but one at its start opens a string. Whatever is changed here must be compared with
// the real parser by `tools/check-mermaid`.

/// Turns the clean text into tokens, one at a time.
struct FlowLexer {
  /// What is being read; they nest, and only closing brackets and quotes leave them.
  enum Mode {
    case diagram, header, string, markdown, text, trapezoidText, ellipseText
    case edgeText, thickEdgeText, dottedEdgeText
    case metadata, metadataString, click, callbackName, callbackArguments
    case accTitle, accDescription, accDescriptionBlock
  }

  let text: MappedText
  private(set) var position = 0
  private(set) var modes: [Mode] = [.diagram]
  private var isFirstGraph = true
  private var isDone = false
  /// The last run of white space looked at, so that a long one is walked once.
  private var spaceRun = 0..<0
  /// The run without spaces and quotes last searched for an edge id, and the end of that id.
  private var idRun = 0..<0
  private var idEnd: Int?
  private let directions: DirectionIndex

  init(_ text: MappedText) {
    self.text = text
    directions = DirectionIndex(text)
  }

  /// Goes on at a place as if a statement began there.
  mutating func resume(at position: Int) {
    self.position = position
    modes = [.diagram]
    isDone = false
  }

  mutating func next() -> FlowToken {
    while true {
      if isDone { return FlowToken(kind: .finished, range: text.count..<text.count) }
      // At the end one more rule may match nothing.
      if position >= text.count { isDone = true }
      let start = position
      switch match() {
      case .token(let kind, let end):
        position = end
        return FlowToken(kind: kind, range: start..<end)
      case .skip(let end): position = end
      case .none:
        if isDone { return FlowToken(kind: .finished, range: text.count..<text.count) }
        position += 1
        return FlowToken(kind: .invalid, range: start..<position)
      }
    }
  }

  private enum Match {
    case token(FlowTokenKind, Int)
    case skip(Int)
    case none
  }

  private mutating func match() -> Match {
    switch modes.last ?? .diagram {
    case .diagram: return matchDiagram()
    case .header: return matchHeader() ?? matchCommon()
    case .string: return matchString()
    case .markdown: return matchMarkdown()
    case .text: return matchText()
    case .trapezoidText: return matchTrapezoidText()
    case .ellipseText: return matchEllipseText()
    case .edgeText: return matchEdgeText(solidLink(closing: true)) { $0 != "-" || $1 != "-" }
    case .thickEdgeText: return matchEdgeText(thickLink(closing: true)) { character, _ in character != "=" }
    case .dottedEdgeText: return matchEdgeText(dottedLink(closing: true)) { character, _ in character != "." }
    case .metadata:
      if at("\"") { return push(.metadataString, .metadata, 1) }
      if let end = run({ $0 != "}" && $0 != "^" && $0 != "\"" }) { return .token(.metadata, end) }
      if at("}") { return pop(nil, 1) }
      return matchCommon()
    case .metadataString:
      if at("\"") { return pop(.metadata, 1) }
      if let end = run({ $0 != "\"" }) { return .token(.metadata, end) }
      return .none
    case .click:
      if isSpace(position) { return pop(nil, 1) }
      return .token(.click, run { !$0.isMermaidSpace } ?? position)
    case .callbackName:
      if at("(") {
        let inside = spaceEnd(position + 1)
        if inside < text.count, text[inside] == ")" { return pop(nil, inside + 1 - position) }
        modes.removeLast()
        return push(.callbackArguments, nil, 1)
      }
      return .token(.callbackName, run { $0 != "(" } ?? position)
    case .callbackArguments:
      if at(")") { return pop(nil, 1) }
      return .token(.callbackArguments, run { $0 != ")" } ?? position)
    case .accTitle:
      return pop(.accTitleText, (run { $0 != "\n" } ?? position) - position)
    case .accDescription:
      return pop(.accDescriptionText, (run { $0 != "\n" } ?? position) - position)
    case .accDescriptionBlock:
      if at("}") { return pop(nil, 1) }
      return .token(.accDescriptionBlock, run { $0 != "}" } ?? position)
    }
  }

  // MARK: Modes

  private mutating func matchDiagram() -> Match {
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
  private mutating func matchAccessibility() -> Match? {
    for (word, mark, mode, token) in [
      ("accTitle", ":" as Unicode.Scalar, Mode.accTitle, FlowTokenKind.accTitle as FlowTokenKind?),
      ("accDescr", ":", .accDescription, .accDescription), ("accDescr", "{", .accDescriptionBlock, nil),
    ] where at(word) {
      let sign = spaceEnd(position + word.utf8.count)
      if sign < text.count, text[sign] == mark { return push(mode, token, spaceEnd(sign + 1) - position) }
    }
    return nil
  }

  private mutating func matchKeyword() -> Match? {
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

  private func matchMark() -> Match? {
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

  private mutating func matchArrow() -> Match? {
    if let end = solidLink(closing: true) { return .token(.link, end) }
    if let end = solidLink(closing: false) { return push(.edgeText, .startLink, end - position) }
    if let end = thickLink(closing: true) { return .token(.link, end) }
    if let end = thickLink(closing: false) { return push(.thickEdgeText, .startLink, end - position) }
    if let end = dottedLink(closing: true) { return .token(.link, end) }
    if let end = dottedLink(closing: false) { return push(.dottedEdgeText, .startLink, end - position) }
    if let end = invisibleLink() { return .token(.link, end) }
    return nil
  }

  private mutating func matchHeader() -> Match? {
    let start = spaceEnd(position)
    if let last = text.scalars[position..<start].lastIndex(of: "\n") {
      modes.removeLast()
      return .token(.noDirection, last + 1)
    }
    for word in ["LR", "RL", "TB", "BT", "TD", "BR", "v"] where at(word, start) && isWordEnd(start + word.utf8.count) {
      modes.removeLast()
      return .token(.headerDirection, start + word.utf8.count)
    }
    for sign in ["<", ">", "^"] where at(sign, start) {
      modes.removeLast()
      return .token(.headerDirection, start + 1)
    }
    return nil
  }

  private mutating func matchString() -> Match {
    if at("\"`") { return push(.markdown, nil, 2) }
    if let end = run({ $0 != "\"" }) { return .token(.string, end) }
    return at("\"") ? pop(nil, 1) : .none
  }

  private mutating func matchMarkdown() -> Match {
    if let end = run({ $0 != "`" && $0 != "\"" }) { return .token(.markdown, end) }
    if at("`\"") { return pop(nil, 2) }
    return matchCommon()
  }

  private mutating func matchText() -> Match {
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

  private mutating func matchTrapezoidText() -> Match {
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

  private mutating func matchEllipseText() -> Match {
    if let quoted = matchQuote() { return quoted }
    if let end = invisibleLink() { return .token(.link, end) }
    if position + 1 < text.count, text[position + 1] == ")", "-/)".unicodeScalars.contains(text[position]) {
      return pop(.ellipseClose, 2)
    }
    if let end = run({ !FlowLexer.isBracket($0) }, limit: 1) { return .token(.text, end) }
    return matchCommon()
  }

  private mutating func matchEdgeText(
    _ closing: Int?, _ isText: (_ character: Unicode.Scalar, _ next: Unicode.Scalar) -> Bool
  ) -> Match {
    if let quoted = matchQuote() { return quoted }
    if let closing { return pop(.link, closing - position) }
    guard position < text.count else { return .none }
    let next = position + 1 < text.count ? text[position + 1] : " "
    return isText(text[position], next) ? .token(.edgeText, position + 1) : matchCommon()
  }

  /// What Mermaid reads in every mode.
  private mutating func matchCommon() -> Match {
    if let quoted = matchQuote() { return quoted }
    if let end = invisibleLink() { return .token(.link, end) }
    if at("(-") { return push(.ellipseText, .ellipseOpen, 2) }
    if at("([") { return push(.text, .stadiumOpen, 2) }
    if at("[[") { return push(.text, .subroutineOpen, 2) }
    return matchOpening() ?? matchSimpleOpening() ?? .none
  }

  private mutating func matchQuote() -> Match? {
    if at("\"`") { return push(.markdown, nil, 2) }
    if at("\"") { return push(.string, nil, 1) }
    return nil
  }

  private mutating func matchOpening() -> Match? {
    if at("[(") { return push(.text, .cylinderOpen, 2) }
    if at("(((") { return push(.text, .doubleCircleOpen, 3) }
    if at("[/") { return push(.trapezoidText, .trapezoidOpen, 2) }
    if at("[\\") { return push(.trapezoidText, .invertedTrapezoidOpen, 2) }
    return nil
  }

  private mutating func matchSimpleOpening() -> Match? {
    if at("(") { return push(.text, .roundOpen, 1) }
    if at("[") { return push(.text, .squareOpen, 1) }
    if at("{") { return push(.text, .braceOpen, 1) }
    return nil
  }

  private mutating func push(_ mode: Mode, _ token: FlowTokenKind?, _ length: Int) -> Match {
    modes.append(mode)
    return token.map { .token($0, position + length) } ?? .skip(position + length)
  }

  private mutating func pop(_ token: FlowTokenKind?, _ length: Int) -> Match {
    if modes.count > 1 { modes.removeLast() }
    return token.map { .token($0, position + length) } ?? .skip(position + length)
  }

  // MARK: Arrows

  /// `-->`, `---`, `x--o` when closing; `--` when it opens a text.
  private mutating func solidLink(closing: Bool) -> Int? { doubledLink("-", closing: closing) }
  private mutating func thickLink(closing: Bool) -> Int? { doubledLink("=", closing: closing) }

  private mutating func doubledLink(_ mark: Unicode.Scalar, closing: Bool) -> Int? {
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
  private mutating func dottedLink(closing: Bool) -> Int? {
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

  private mutating func invisibleLink() -> Int? {
    let start = spaceEnd(position)
    var index = start
    while index < text.count, text[index] == "~" { index += 1 }
    return index >= start + 3 ? spaceEnd(index) : nil
  }

  // MARK: Characters

  private static func isBracket(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "[", "]", "(", ")", "{", "}": true
    default: false
    }
  }

  private func at(_ prefix: String) -> Bool { at(prefix, position) }

  private func at(_ prefix: String, _ start: Int) -> Bool {
    var index = start
    for scalar in prefix.unicodeScalars {
      guard index < text.count, text[index] == scalar else { return false }
      index += 1
    }
    return true
  }

  private func atWord(_ word: String) -> Bool { at(word) && isWordEnd(position + word.utf8.count) }
  private func isWordEnd(_ index: Int) -> Bool { index >= text.count || !text[index].isWordCharacter }
  private func isSpace(_ index: Int) -> Bool { index < text.count && text[index].isMermaidSpace }

  private mutating func spaceEnd(_ index: Int) -> Int {
    if spaceRun.contains(index) { return spaceRun.upperBound }
    guard isSpace(index) else { return index }
    var end = index
    while isSpace(end) { end += 1 }
    spaceRun = index..<end
    return end
  }

  /// The end of the longest non-empty run from here.
  private func run(_ isMember: (Unicode.Scalar) -> Bool, limit: Int = .max) -> Int? {
    var end = position
    while end < text.count, end - position < limit, isMember(text[end]) { end += 1 }
    return end > position ? end : nil
  }

  /// A run of id characters, in which a `-` must not look like an arrow.
  private func nodeStringEnd() -> Int? {
    var end = position
    while end < text.count {
      if text[end] == "-" {
        guard end + 1 < text.count, text[end + 1] != ">", text[end + 1] != "-", text[end + 1] != "." else { break }
      } else if !text[end].isNodeCharacter {
        break
      }
      end += 1
    }
    return end > position ? end : nil
  }

  /// `name@` before an arrow: the last `@` of the run without spaces and quotes that is not `@{`.
  private mutating func linkIDEnd() -> Int? {
    if !idRun.contains(position) {
      var end = position
      idEnd = nil
      while end < text.count, !text[end].isMermaidSpace, text[end] != "\"" {
        if text[end] == "@", end + 1 < text.count, text[end + 1] != "{", text[end + 1] != "\"" { idEnd = end + 1 }
        end += 1
      }
      idRun = position..<max(end, position + 1)
    }
    guard let idEnd, idEnd > position + 1 else { return nil }
    return idEnd
  }
}
