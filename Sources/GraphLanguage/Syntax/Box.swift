// SPDX-License-Identifier: Apache-2.0
// A box of the diagram and the outlines it may have.

import GraphSupport

/// One box. Mentioned again with another label, the last label and shape count, as in Mermaid.
package struct Box: Sendable {
  package var id: String
  /// The first mention of the id.
  package var idRange: SourceRange
  package var shape: BoxShape
  /// Nil when the box is never given a text: then it shows its id.
  package var label: Label?
  package var classes: [String]
  /// The mention with the label, or else the first mention.
  package var range: SourceRange

  package init(
    id: String, idRange: SourceRange, shape: BoxShape = .rectangle, label: Label? = nil, classes: [String] = [],
    range: SourceRange
  ) {
    self.id = id
    self.idRange = idRange
    self.shape = shape
    self.label = label
    self.classes = classes
    self.range = range
  }

  /// What a person calls the box: its title, else its label, else its id.
  package var displayName: String {
    guard let label else { return id }
    if !label.title.isEmpty { return label.title }
    return label.text.isEmpty ? id : label.text
  }

  /// The operations written in the box. Without a label the id reads as no operation.
  package var operations: [Expression] { label?.operations ?? [] }
}

/// The outline of a box.
package enum BoxShape: Sendable, Hashable {
  case rectangle, rounded, stadium, subroutine, cylinder, circle, doubleCircle, ellipse
  case diamond, hexagon, flag, leanRight, leanLeft, trapezoid, invertedTrapezoid
  /// `@{ shape: name }` with a name that has no brackets of its own.
  case named(String)

  /// The outline under one of the names that `@{ shape: … }` knows.
  package init(name: String) {
    switch name {
    case "rect", "proc", "process", "rectangle", "squareRect": self = .rectangle
    case "rounded", "event": self = .rounded
    case "stadium", "terminal", "pill": self = .stadium
    case "fr-rect", "subprocess", "subproc", "framed-rectangle", "subroutine": self = .subroutine
    case "cyl", "db", "database", "cylinder": self = .cylinder
    case "circle", "circ": self = .circle
    case "dbl-circ", "double-circle", "doublecircle": self = .doubleCircle
    case "diam", "decision", "diamond", "question", "choice": self = .diamond
    case "hex", "hexagon", "prepare": self = .hexagon
    case "odd": self = .flag
    case "lean-r", "lean-right", "in-out", "lean_right": self = .leanRight
    case "lean-l", "lean-left", "out-in", "lean_left": self = .leanLeft
    case "trap-b", "priority", "trapezoid-bottom", "trapezoid": self = .trapezoid
    case "trap-t", "manual", "trapezoid-top", "inv-trapezoid", "inv_trapezoid": self = .invertedTrapezoid
    default: self = .named(name)
    }
  }

  /// A decision's label on an outgoing edge is a branch.
  package var isDecision: Bool { self == .diamond }
}
