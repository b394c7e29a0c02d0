// SPDX-License-Identifier: Apache-2.0
// The first line of a flowchart.

import GraphSupport

extension FlowParser {
  /// `graph TD`, up to and with its separator.
  mutating func parseHeader(_ syntax: inout FlowSyntax) throws(Failure) {
    while token.kind == .space || token.kind == .newline { advance() }
    guard token.kind == .graph else { throw wrongKeyword() }
    let start = token.range.lowerBound
    syntax.keyword = text.string(token.range)
    advance()
    if token.kind == .noDirection {
      syntax.range = text.range(start..<previousEnd)
      advance()
      return
    }
    guard token.kind == .headerDirection else { throw wrongDirection() }
    syntax.direction = text.string(text.trimmed(token.range))
    syntax.range = text.range(start..<token.range.upperBound)
    advance()
    if token.kind == .semicolon { return advance() }
    while token.kind == .space { advance() }
    guard token.kind == .newline else {
      throw unexpected("a line end or ';' directly after the direction")
    }
    advance()
  }

  private mutating func wrongKeyword() -> Failure {
    let start = token.range.lowerBound
    var end = start
    while end < text.count, !text[end].isMermaidSpace, text[end] != ";" { end += 1 }
    let word = text.string(start..<end)
    if word.isEmpty {
      report("mermaid-syntax", "no diagram, expected 'graph TD'", start..<start)
    } else if word.hasPrefix("---") {
      report(
        "mermaid-syntax", "front matter needs a '---' line as the very first line of the file and one after it",
        start..<end)
    } else if FlowParser.otherDiagrams.contains(word) {
      report("mermaid-diagram", "'\(word)' is another kind of diagram, only flowcharts are read", start..<end)
    } else {
      report(
        "mermaid-syntax", "found '\(word.prefix(40))', expected 'graph' or 'flowchart'", start..<end,
        fixIt: nearest(word, among: ["graph", "flowchart"]))
    }
    // A first line that is a misspelt header goes; one that is a statement is lost with it.
    return Failure()
  }

  private mutating func wrongDirection() -> Failure {
    let start = visible(token.range.lowerBound)
    var end = start
    while end < text.count, !text[end].isMermaidSpace, text[end] != ";" { end += 1 }
    let word = text.string(start..<end)
    if word.isEmpty {
      report(
        "mermaid-syntax", "found ';', expected a direction or a line end", start..<min(start + 1, text.count),
        fixIt: "TD;")
    } else {
      report(
        "mermaid-direction", "unknown direction '\(word.prefix(40))', expected TD, TB, BT, LR or RL", start..<end,
        fixIt: nearest(word.uppercased(), among: ["TD", "TB", "BT", "LR", "RL"]))
    }
    return Failure()
  }

  /// First words of Mermaid's other diagrams.
  private static let otherDiagrams: Set<String> = [
    "sequenceDiagram", "classDiagram", "classDiagram-v2", "stateDiagram", "stateDiagram-v2", "erDiagram", "journey",
    "gantt", "pie", "quadrantChart", "requirementDiagram", "requirement", "gitGraph", "C4Context", "C4Container",
    "C4Component", "C4Dynamic", "C4Deployment", "mindmap", "timeline", "zenuml", "sankey-beta", "xychart-beta",
    "block-beta", "packet-beta", "kanban", "architecture-beta", "radar-beta", "treemap", "info",
  ]
}
