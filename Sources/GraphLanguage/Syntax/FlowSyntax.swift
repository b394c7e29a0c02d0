// SPDX-License-Identifier: Apache-2.0
// The statements of a flowchart as they are written: what `fmt` prints and `Diagram` is made from.

import GraphSupport

/// A flowchart's statements in order.
package struct FlowSyntax: Sendable {
  /// `graph`, `flowchart` or `flowchart-elk`.
  package var keyword: String
  /// As written, such as `TD`; nil when left out.
  package var direction: String?
  package var statements: [FlowStatement]
  /// Comments and directives above the header.
  package var leading: [FlowComment]
  package var range: SourceRange
}

/// A comment line `%% …` or a directive `%%{ … }%%`.
package struct FlowComment: Sendable {
  package var text: String
  package var range: SourceRange
}

/// One statement with the comments before it.
package struct FlowStatement: Sendable {
  package indirect enum Kind: Sendable {
    /// Boxes joined by arrows: one group more than arrows.
    case chain([FlowGroup], arrows: [FlowArrow])
    case subgraph(FlowSubgraph)
    case direction(Diagram.Direction)
    case style(StyleStatement)
    case accessibleTitle(String)
    case accessibleDescription(String)
    /// Only the comments before the end of a block.
    case end
  }

  package var kind: Kind
  package var range: SourceRange
  package var comments: [FlowComment] = []
}

/// `a & b & c`
package struct FlowGroup: Sendable {
  package var nodes: [FlowNode]
}

/// One mention of a box.
package struct FlowNode: Sendable {
  package var id: String
  package var idRange: SourceRange
  package var outline: FlowOutline?
  /// After `:::`.
  package var className: String?
  /// The text between `@{` and `}`.
  package var metadata: MappedText?
  package var range: SourceRange
}

/// A label with its brackets.
package struct FlowOutline: Sendable {
  package var shape: BoxShape
  /// The opening and closing brackets; for `[|border:lt|text]` the opening holds the property.
  package var open: String
  package var close: String
  package var text: FlowText
}

/// A label as written, without quotes.
package struct FlowText: Sendable {
  package var style: Label.Style
  /// As Mermaid's lexer sees it: comments taken out.
  package var text: MappedText
  /// The characters from the start that stand in quotes; Mermaid takes others after them, as in `["a" b]`.
  package var quotedCount = 0

  /// Without any white space.
  var isWord: Bool { !text.isEmpty && !text.scalars.contains(where: \.isMermaidSpace) }
}

/// `id@-->|label|` or `-- label -->`
package struct FlowArrow: Sendable {
  package var id: String?
  /// The arrow without its label, in its longer form: `-->` also when it is written `-- label -->`.
  package var stroke: Edge.Stroke
  package var tail: Edge.Tip
  package var head: Edge.Tip
  package var length: Int
  /// As written: `-->`, or the two parts of `-- label -->`.
  package var opening: String?
  package var arrow: String
  package var label: FlowText?
  package var range: SourceRange
}

/// `subgraph … end`
package struct FlowSubgraph: Sendable {
  /// What is between the keyword and the title's bracket or the end of line; nil when it could not be read.
  package var name: FlowText?
  /// In brackets.
  package var title: FlowText?
  package var statements: [FlowStatement]
  package var keywordRange: SourceRange
}
