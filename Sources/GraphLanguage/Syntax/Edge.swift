// SPDX-License-Identifier: Apache-2.0
// An edge of the diagram: from one box or subgraph to another.

import GraphSupport

/// One edge. `a & b --> c` gives two.
package struct Edge: Sendable {
  package enum Stroke: Sendable { case normal, thick, dotted, invisible }
  package enum Tip: Sendable { case none, arrow, circle, cross }

  /// One end, with the mention that the edge comes from.
  package struct End: Sendable {
    package var id: String
    package var range: SourceRange
    /// The id is a subgraph's.
    package var isSubgraph = false
  }

  package var from: End
  package var to: End
  package var stroke: Stroke
  /// At the start, for `<-->` and its like.
  package var tail: Tip
  package var head: Tip
  /// 1 for `-->`, one more for each further dash or dot.
  package var length: Int
  package var label: Label?
  /// Given as `id@-->`.
  package var id: String?
  /// The arrow with its label.
  package var range: SourceRange

  /// The label read as `port:operand`; see `Edge.Ports`.
  package var ports: Ports {
    guard let label, label.lines.count == 1, let line = label.lines.first else { return Ports() }
    return Ports(line.text)
  }

  /// `port:operand` of section 4 of the language: which result is taken and which operand it becomes. A label without
  /// a colon is the operand (or, out of a decision, the branch).
  package struct Ports: Sendable, Hashable {
    package var port: String?
    package var operand: String?

    package init() {}
    package init(_ text: String) {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      func name(_ part: Substring) -> String? {
        let trimmed = part.trimmingWhitespace()
        return trimmed.isEmpty ? nil : String(trimmed)
      }
      if parts.count == 2 { port = name(parts[0]) }
      operand = parts.last.flatMap(name)
    }
  }
}

extension Substring {
  /// Without white space at either end.
  func trimmingWhitespace() -> Substring {
    guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
    else { return self[endIndex...] }
    return self[first...last]
  }
}
