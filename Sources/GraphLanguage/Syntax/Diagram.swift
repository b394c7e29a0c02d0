// SPDX-License-Identifier: Apache-2.0
// What a flowchart means: boxes, edges and subgraphs, in the order of the file.

import GraphSupport

/// The flowchart of a file.
package struct Diagram: Sendable {
  package enum Direction: String, Sendable {
    case down = "TB"
    case up = "BT"
    case right = "LR"
    case left = "RL"
  }

  package var direction: Direction
  /// In the order of first mention. A subgraph's id is never a box.
  package var boxes: [Box]
  /// In the order of the file.
  package var edges: [Edge]
  /// In the order in which they open.
  package var subgraphs: [Subgraph]
  /// What the picture alone needs, such as `classDef` and `style`, as written.
  package var styles: [StyleStatement]
  package var accessibleTitle: String?
  package var accessibleDescription: String?

  package init(direction: Direction = .down) {
    self.direction = direction
    boxes = []
    edges = []
    subgraphs = []
    styles = []
  }

  package func box(_ id: String) -> Box? { boxes.first { $0.id == id } }
  package func subgraph(_ id: String) -> Subgraph? { subgraphs.first { $0.id == id } }

  /// The boxes outside of every subgraph.
  package var topBoxes: [Box] {
    var inside: Set<String> = []
    for subgraph in subgraphs { for case .box(let id) in subgraph.members { inside.insert(id) } }
    return boxes.filter { !inside.contains($0.id) }
  }
}

/// A subgraph: a group of the picture, a model, or a block with parameters.
package struct Subgraph: Sendable {
  package enum Member: Sendable, Hashable {
    case box(String)
    /// A nested subgraph, by its place in `Diagram.subgraphs`.
    case subgraph(Int)
  }

  package var id: String
  /// The id, or the title where there is no id, or the keyword.
  package var idRange: SourceRange
  package var title: Label?
  /// `block(width, heads)`, when the title reads as a call or a name.
  package var head: Expression?
  /// In the order of the file. A box belongs to the innermost subgraph that mentions it, else to the first one.
  package var members: [Member]
  package var direction: Diagram.Direction?
  /// The place in `Diagram.subgraphs` of the subgraph around this one.
  package var parent: Int?
  package var range: SourceRange

  package init(
    id: String, idRange: SourceRange, title: Label?, head: Expression? = nil, parent: Int? = nil, range: SourceRange
  ) {
    self.id = id
    self.idRange = idRange
    self.title = title
    self.head = head
    self.parent = parent
    self.range = range
    members = []
  }
}

/// A statement that only the picture needs.
package struct StyleStatement: Sendable {
  package enum Keyword: String, Sendable { case classDef, `class`, style, linkStyle, click }

  package var keyword: Keyword
  /// The whole statement.
  package var text: String
  package var range: SourceRange
  /// The ids of `class`, the numbers of `linkStyle`.
  package var targets: [Located<String>] = []
  /// Of `class`.
  package var className: String?
}
