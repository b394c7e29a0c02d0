// SPDX-License-Identifier: Apache-2.0
// `subgraph … end`

import GraphSupport

extension FlowParser {
  mutating func parseSubgraph() throws(Failure) -> FlowSubgraph {
    let keyword = token.range
    var subgraph = FlowSubgraph(name: nil, title: nil, statements: [], keywordRange: text.range(keyword))
    guard nesting < FlowParser.nestingLimit else {
      report("nesting-limit", "more than \(FlowParser.nestingLimit) subgraphs inside of one another", keyword)
      lexer.resume(at: text.count - 1)
      token = lexer.next()
      throw Failure()
    }
    advance()
    do throws(Failure) {
      try parseSubgraphHeader(&subgraph)
    } catch {
      recover(from: keyword.lowerBound)
    }
    nesting += 1
    subgraph.statements = parseStatements()
    nesting -= 1
    guard token.kind == .end else {
      report("mermaid-syntax", "'subgraph' without an 'end'", keyword)
      throw Failure()
    }
    // The keyword takes the white space after it along.
    let end = token.range.lowerBound + 3
    advance()
    previousEnd = end
    return subgraph
  }

  private mutating func parseSubgraphHeader(_ subgraph: inout FlowSubgraph) throws(Failure) {
    if token.kind.isSeparator { return advance() }
    try expect(.space, "a space or the end of the line after 'subgraph'")
    let start = token.range
    switch token.kind {
    case .string, .markdown:
      let style: Label.Style = token.kind == .string ? .quoted : .markdown
      advance()
      subgraph.name = FlowText(style: style, text: text[start])
    default:
      guard token.kind.isFreeText else { throw unexpected("an id or a title of the subgraph") }
      while token.kind.isFreeText { advance() }
      subgraph.name = FlowText(style: .plain, text: text[start.lowerBound..<previousEnd])
    }
    if token.kind == .squareOpen {
      openings.append(token.range.lowerBound)
      advance()
      subgraph.title = try parseText()
      try expect(.squareClose, "']'")
      openings.removeLast()
    }
    guard token.kind.isSeparator else {
      throw unexpected("'[title]' or the end of the line; other signs belong into a quoted title")
    }
    advance()
  }
}
