// SPDX-License-Identifier: Apache-2.0
// Boxes joined by arrows.

import GraphSupport

extension FlowParser {
  /// `a & b -->|label| c --> d`
  mutating func parseChain() throws(Failure) -> FlowStatement.Kind {
    var groups = [try parseGroup()]
    var arrows: [FlowArrow] = []
    while token.kind.isArrow {
      arrows.append(try parseArrow())
      groups.append(try parseGroup())
    }
    return .chain(groups, arrows: arrows)
  }

  /// `a & b`: spaces on both sides of `&`, or it belongs to the id.
  private mutating func parseGroup() throws(Failure) -> FlowGroup {
    var nodes = [try parseNode()]
    while true {
      let hasMetadata = token.kind == .metadataOpen
      if hasMetadata { nodes[nodes.count - 1].metadata = parseMetadata() }
      guard token.kind == .space else { break }
      while token.kind == .space { advance() }
      guard token.kind == .ampersand else {
        if hasMetadata { throw unexpected("'&', as only that may follow a space after '}'") }
        break
      }
      advance()
      guard token.kind == .space else { throw unexpected("a space after '&'") }
      while token.kind == .space { advance() }
      nodes.append(try parseNode())
    }
    return FlowGroup(nodes: nodes)
  }

  private mutating func parseNode() throws(Failure) -> FlowNode {
    let start = token.range.lowerBound
    let id = try parseID("a box id")
    var node = FlowNode(id: text.string(id), idRange: text.range(id), range: text.range(id))
    node.outline = try parseOutline()
    if token.kind == .styleSeparator {
      advance()
      node.className = text.string(try parseID("a class name"))
    }
    node.range = text.range(start..<previousEnd)
    return node
  }

  mutating func parseID(_ description: String) throws(Failure) -> Range<Int> {
    let start = token.range.lowerBound
    guard token.kind.isID else { throw unexpected(description) }
    while token.kind.isID { advance() }
    return start..<previousEnd
  }

  /// `@{ … }`, which comes in several tokens.
  private mutating func parseMetadata() -> MappedText {
    var content = MappedText(anchor: text.range(at: token.range.upperBound).start)
    while token.kind == .metadataOpen || token.kind == .metadata {
      if token.kind == .metadata { content.append(text, token.range) }
      advance()
    }
    // The closing brace is no token.
    previousEnd = min(previousEnd + 1, token.range.lowerBound)
    return content
  }
}
