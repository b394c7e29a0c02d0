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
  var isFirstGraph = true
  private var isDone = false
  /// The last run of white space looked at, so that a long one is walked once.
  private var spaceRun = 0..<0
  /// The run without spaces and quotes last searched for an edge id, and the end of that id.
  private var idRun = 0..<0
  private var idEnd: Int?
  let directions: DirectionIndex

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

  enum Match {
    case token(FlowTokenKind, Int)
    case skip(Int)
    case none
  }

  mutating func match() -> Match {
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

  mutating func matchHeader() -> Match? {
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

  mutating func matchQuote() -> Match? {
    if at("\"`") { return push(.markdown, nil, 2) }
    if at("\"") { return push(.string, nil, 1) }
    return nil
  }

  mutating func matchOpening() -> Match? {
    if at("[(") { return push(.text, .cylinderOpen, 2) }
    if at("(((") { return push(.text, .doubleCircleOpen, 3) }
    if at("[/") { return push(.trapezoidText, .trapezoidOpen, 2) }
    if at("[\\") { return push(.trapezoidText, .invertedTrapezoidOpen, 2) }
    return nil
  }

  mutating func matchSimpleOpening() -> Match? {
    if at("(") { return push(.text, .roundOpen, 1) }
    if at("[") { return push(.text, .squareOpen, 1) }
    if at("{") { return push(.text, .braceOpen, 1) }
    return nil
  }

  mutating func push(_ mode: Mode, _ token: FlowTokenKind?, _ length: Int) -> Match {
    modes.append(mode)
    return token.map { .token($0, position + length) } ?? .skip(position + length)
  }

  mutating func pop(_ token: FlowTokenKind?, _ length: Int) -> Match {
    if modes.count > 1 { modes.removeLast() }
    return token.map { .token($0, position + length) } ?? .skip(position + length)
  }

  // MARK: Characters

  static func isBracket(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "[", "]", "(", ")", "{", "}": true
    default: false
    }
  }

  func at(_ prefix: String) -> Bool { at(prefix, position) }

  func at(_ prefix: String, _ start: Int) -> Bool {
    var index = start
    for scalar in prefix.unicodeScalars {
      guard index < text.count, text[index] == scalar else { return false }
      index += 1
    }
    return true
  }

  func atWord(_ word: String) -> Bool { at(word) && isWordEnd(position + word.utf8.count) }
  func isWordEnd(_ index: Int) -> Bool { index >= text.count || !text[index].isWordCharacter }
  func isSpace(_ index: Int) -> Bool { index < text.count && text[index].isMermaidSpace }

  mutating func spaceEnd(_ index: Int) -> Int {
    if spaceRun.contains(index) { return spaceRun.upperBound }
    guard isSpace(index) else { return index }
    var end = index
    while isSpace(end) { end += 1 }
    spaceRun = index..<end
    return end
  }

  /// The end of the longest non-empty run from here.
  func run(_ isMember: (Unicode.Scalar) -> Bool, limit: Int = .max) -> Int? {
    var end = position
    while end < text.count, end - position < limit, isMember(text[end]) { end += 1 }
    return end > position ? end : nil
  }

  /// A run of id characters, in which a `-` must not look like an arrow.
  func nodeStringEnd() -> Int? {
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
  mutating func linkIDEnd() -> Int? {
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
