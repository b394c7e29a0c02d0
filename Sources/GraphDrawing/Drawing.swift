// SPDX-License-Identifier: Apache-2.0
// What is drawn: boxes, arrows and groups, from any level of the compilation.

import GraphLanguage

/// A graph to draw. Nodes and groups are named by their places in the arrays.
package struct Drawing: Sendable {
  package var title: String?
  package var direction: Diagram.Direction
  package var nodes: [Node] = []
  package var edges: [Edge] = []
  /// A group comes after the group around it.
  package var groups: [Group] = []

  package init(title: String? = nil, direction: Diagram.Direction = .down) {
    self.title = title
    self.direction = direction
  }

  /// A line of text in a box or beside an arrow.
  package struct Line: Sendable, Hashable {
    package enum Style: String, Sendable { case plain, strong, code, quiet }

    package var text: String
    package var style: Style

    package init(_ text: String, _ style: Style = .plain) {
      self.text = text
      self.style = style
    }
  }

  package struct Node: Sendable {
    package var lines: [Line]
    package var shape: BoxShape
    package var group: Int?
    /// CSS such as `fill:#f9f;stroke:#333`, from the diagram's own styles.
    package var style: Style

    package init(_ lines: [Line], shape: BoxShape = .rectangle, group: Int? = nil, style: Style = Style()) {
      self.lines = lines
      self.shape = shape
      self.group = group
      self.style = style
    }
  }

  package enum End: Sendable, Hashable {
    case node(Int)
    case group(Int)
  }

  package struct Edge: Sendable {
    package var from: End
    package var to: End
    package var label: [Line]
    package var stroke: GraphLanguage.Edge.Stroke
    package var tail: GraphLanguage.Edge.Tip
    package var head: GraphLanguage.Edge.Tip
    /// Rows from one end to the other, at least 1.
    package var length: Int

    package init(
      from: End, to: End, label: [Line] = [], stroke: GraphLanguage.Edge.Stroke = .normal,
      tail: GraphLanguage.Edge.Tip = .none, head: GraphLanguage.Edge.Tip = .arrow, length: Int = 1
    ) {
      self.from = from
      self.to = to
      self.label = label
      self.stroke = stroke
      self.tail = tail
      self.head = head
      self.length = length
    }
  }

  package struct Group: Sendable {
    package var lines: [Line]
    package var parent: Int?
    package var direction: Diagram.Direction?

    package init(_ lines: [Line], parent: Int? = nil, direction: Diagram.Direction? = nil) {
      self.lines = lines
      self.parent = parent
      self.direction = direction
    }
  }
}
