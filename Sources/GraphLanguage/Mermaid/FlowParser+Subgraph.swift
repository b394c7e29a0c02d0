// SPDX-License-Identifier: Apache-2.0
// `subgraph … end`

import GraphSupport

extension FlowParser {
  mutating func parseSubgraph() throws(Failure) -> FlowSubgraph {
    let keyword = token.range
    var subgraph = FlowSubgraph(name: nil, title: nil, statements: [], keywordRange: text.range(keyword))
    guard nesting < FlowParser.nestingLimit else {
      report("nesting-limit", "more than \(FlowParser.nestingLimit) subgraphs inside of one another", keyword)
      lexer.resume(at: text.count)
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
    try expect(.space, "an id or a title of the subgraph")
    guard let name = parseText(where: \.isFreeText) else { throw unexpected("an id or a title of the subgraph") }
    subgraph.name = name
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
