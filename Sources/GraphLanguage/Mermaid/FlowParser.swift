// SPDX-License-Identifier: Apache-2.0
// The flowchart parser: Mermaid's grammar by recursive descent, with recovery at the end of a statement.

import GraphSupport

/// Reads the statements of a clean text. Every error costs one statement and is reported.
struct FlowParser {
  /// Subgraphs inside of subgraphs.
  static let nestingLimit = 64
  /// Each error may cost a look at the whole rest of the text.
  static let errorLimit = 100

  /// The statement cannot be read; what is wrong has been reported.
  struct Failure: Error {}

  var lexer: FlowLexer
  var token: FlowToken
  /// The end of the token before `token`.
  var previousEnd = 0
  /// Brackets and quotes that the statement has opened and not closed.
  var openings: [Int] = []
  var nesting = 0
  var diagnostics: [Diagnostic] = []
  private var comments: [FlowComment]
  private let source: SourceText

  init(_ clean: CleanText, source: SourceText) {
    lexer = FlowLexer(clean.text)
    comments = clean.comments.reversed()
    self.source = source
    token = FlowToken(kind: .finished, range: 0..<0)
    token = lexer.next()
  }

  var text: MappedText { lexer.text }

  // MARK: Statements

  mutating func parse() -> FlowSyntax {
    var syntax = FlowSyntax(keyword: "graph", direction: nil, statements: [], leading: [], range: SourceRange(0, 0))
    do throws(Failure) {
      try parseHeader(&syntax)
    } catch {
      recover(from: 0)
    }
    syntax.leading = takeComments(before: syntax.range.end)
    syntax.statements = parseStatements()
    while token.kind == .end {
      report(
        "mermaid-keyword", "'end' without a 'subgraph'", text.trimmed(token.range),
        note: "'end' is a keyword of Mermaid and cannot begin a box id; 'End' can")
      recover(from: token.range.lowerBound)
      syntax.statements += parseStatements()
    }
    syntax.range = syntax.range.union(text.range(at: text.count))
    return syntax
  }

  /// Statements up to `end` or the end of the text.
  mutating func parseStatements() -> [FlowStatement] {
    var statements: [FlowStatement] = []
    while true {
      switch token.kind {
      case .newline, .semicolon, .space, .endOfFile: advance()
      case .end, .finished:
        let place = text.range(at: token.kind == .end ? token.range.lowerBound : text.count)
        let rest = takeComments(before: place.start)
        if !rest.isEmpty { statements.append(FlowStatement(kind: .end, range: place, comments: rest)) }
        return statements
      default:
        let start = token.range.lowerBound
        openings.removeAll(keepingCapacity: true)
        do throws(Failure) {
          let before = takeComments(before: text.range(at: visible(start)).start)
          let kind = try parseStatement()
          let end = token.kind.isSeparator ? token.range.lowerBound : previousEnd
          let range = text.range(text.trimmed(visible(start)..<max(visible(start), end)))
          let inside = takeComments(before: range.end)
          statements.append(FlowStatement(kind: kind, range: range, comments: before + inside))
        } catch {
          recover(from: start)
        }
      }
    }
  }

  private mutating func parseStatement() throws(Failure) -> FlowStatement.Kind {
    switch token.kind {
    case .subgraph: return .subgraph(try parseSubgraph())
    case .directionStatement(let direction):
      advance()
      return .direction(direction)
    case .accTitle:
      advance()
      return .accessibleTitle(try parseAccessibleText(.accTitleText))
    case .accDescription:
      advance()
      return .accessibleDescription(try parseAccessibleText(.accDescriptionText))
    case .accDescriptionBlock: return .accessibleDescription(try parseAccessibleText(.accDescriptionBlock))
    case .style, .linkStyle, .classDef, .class, .click:
      return .style(try parseStyleStatement())
    default:
      let chain = try parseChain()
      try expectSeparator()
      return chain
    }
  }

  private mutating func parseAccessibleText(_ kind: FlowTokenKind) throws(Failure) -> String {
    guard token.kind == kind else { throw unexpected("a text") }
    let value = text[text.trimmed(token.range)].written
    advance()
    return value
  }

  /// The statement's end; it may hold several line ends.
  mutating func expectSeparator(_ expected: String = "an arrow or the end of the statement") throws(Failure) {
    guard token.kind.isSeparator else { throw unexpected(expected) }
  }

  // MARK: Tokens

  mutating func advance() {
    previousEnd = token.range.upperBound
    token = lexer.next()
  }

  mutating func expect(_ kind: FlowTokenKind, _ description: String) throws(Failure) {
    guard token.kind == kind else { throw unexpected(description) }
    advance()
  }

  /// The first place at or after this one that is not white space.
  func visible(_ index: Int) -> Int {
    var index = index
    while index < text.count - 1, text[index].isMermaidSpace { index += 1 }
    return index
  }

  // MARK: Errors

  mutating func report(_ id: String, _ message: String, _ range: Range<Int>, fixIt: String? = nil, note: String? = nil)
  {
    let location = SourceLocation(source, text.range(range))
    diagnostics.append(
      Diagnostic(
        .error, id, message, at: location, notes: note.map { [Diagnostic.Note($0)] } ?? [], fixIt: fixIt))
  }

  /// Reports the current token, and what should stand there.
  mutating func unexpected(_ expected: String) -> Failure {
    var start = token.range.lowerBound
    while start < token.range.upperBound - 1, text[start].isMermaidSpace, text[start] != "\n" { start += 1 }
    let range = start..<max(start, token.range.upperBound)
    if let open = openings.last, isUnclosed(open) {
      let mark = text.string(open..<min(open + 1, text.count))
      if "[({>|".contains(mark) {
        report("mermaid-syntax", "'\(mark)' is not closed", open..<open + 1)
      } else {
        report("mermaid-syntax", "the arrow's label is not followed by an arrow such as '-->'", open..<open + 2)
      }
      return Failure()
    }
    switch token.kind {
    case .space: report("mermaid-syntax", "found a space, expected \(expected)", token.range)
    case .finished, .endOfFile, .newline:
      report("mermaid-syntax", "found the end of the line, expected \(expected)", start..<start)
    case _ where token.kind.isKeyword:
      let word = text.string(text.trimmed(range))
      report(
        "mermaid-keyword", "'\(word)' is a keyword of Mermaid, expected \(expected)", text.trimmed(range),
        fixIt: word.first.map { $0.isLowercase ? $0.uppercased() + word.dropFirst() : word + "_" })
    default:
      let found = text.string(text.trimmed(range))
      let short = found.count > 24 ? found.prefix(23) + "…" : found[...]
      report("mermaid-syntax", "found '\(short)', expected \(expected)", text.trimmed(range))
    }
    return Failure()
  }

  /// The line of an opening bracket ends before the current token.
  private func isUnclosed(_ open: Int) -> Bool {
    token.kind == .finished || text.scalars[open..<max(open, visible(token.range.lowerBound))].contains("\n")
  }

  /// Goes on after the end of the statement: of the line where a bracket stays open, else of the current token's.
  mutating func recover(from start: Int) {
    guard diagnostics.count < FlowParser.errorLimit else {
      report(
        "mermaid-syntax", "more than \(FlowParser.errorLimit) errors, the rest is not read", text.count..<text.count)
      lexer.resume(at: text.count)
      token = lexer.next()
      return
    }
    let isOpen = openings.last.map(isUnclosed) ?? false
    var index = max(start, isOpen ? openings.last ?? 0 : visible(token.range.lowerBound))
    while index < text.count - 1, text[index] != "\n", isOpen || text[index] != ";" { index += 1 }
    openings.removeAll()
    lexer.resume(at: index + 1)
    previousEnd = index
    token = lexer.next()
  }

  private mutating func takeComments(before offset: Int) -> [FlowComment] {
    var taken: [FlowComment] = []
    while let comment = comments.last, comment.range.start < offset {
      taken.append(comment)
      comments.removeLast()
    }
    return taken
  }
}

extension String {
  /// Without white space at the end.
  var trimmedEnd: String {
    var view = self[...]
    while let last = view.last, last.isWhitespace { view.removeLast() }
    return String(view)
  }
}
