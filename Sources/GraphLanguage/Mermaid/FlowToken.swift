// SPDX-License-Identifier: Apache-2.0
// The tokens of Mermaid's flowchart grammar.

/// One token's kind. Where Mermaid has one token for several texts, so has this.
enum FlowTokenKind: Sendable, Equatable {
  // Keywords.
  case graph, headerDirection, noDirection, subgraph, end, style, linkStyle, classDef, `class`, click, href
  case `default`, interpolate, linkTarget, callbackName, callbackArguments
  case directionStatement(Diagram.Direction)
  case accTitle, accTitleText, accDescription, accDescriptionText, accDescriptionBlock
  // Parts of ids and of free text.
  case number, nodeString, unicodeLetter, minus, colon, comma, hash, star, ampersand, down, up, backslashPipe
  // Arrows.
  case link, startLink, edgeText, linkID
  // Labels.
  case string, markdown, text, metadataOpen, metadata, pipe, tagStart, tagEnd, styleSeparator, quote
  case squareOpen, squareClose, roundOpen, roundClose, braceOpen, braceClose
  case stadiumOpen, stadiumClose, subroutineOpen, subroutineClose, cylinderOpen, cylinderClose
  case doubleCircleOpen, doubleCircleClose, ellipseOpen, ellipseClose, propertyOpen
  case trapezoidOpen, trapezoidClose, invertedTrapezoidOpen, invertedTrapezoidClose
  // Between statements.
  case newline, semicolon, space, endOfFile
  /// After everything.
  case finished
  /// A character that no rule takes.
  case invalid

  /// May be part of a box id.
  var isID: Bool {
    switch self {
    case .number, .nodeString, .down, .minus, .default, .comma, .colon, .ampersand, .hash, .star, .unicodeLetter: true
    default: false
    }
  }

  /// May be part of a name in `click` and `linkStyle … interpolate`.
  var isAlphanumeric: Bool {
    switch self {
    case .default: false
    case .headerDirection: true
    default: isID
    }
  }

  /// May be part of a subgraph's name.
  var isFreeText: Bool {
    switch self {
    case .number, .nodeString, .space, .minus, .ampersand, .unicodeLetter, .colon, .star, .hash, .startLink: true
    case .style, .linkStyle, .classDef, .class, .click, .graph, .headerDirection, .subgraph, .end, .down, .up: true
    default: false
    }
  }

  /// May be part of a style such as `fill:#fff`.
  var isStyle: Bool {
    switch self {
    case .number, .nodeString, .colon, .space, .hash, .style: true
    default: false
    }
  }

  /// May be part of a label without quotes.
  var isLabelText: Bool {
    switch self {
    case .text, .tagStart, .tagEnd, .unicodeLetter: true
    default: false
    }
  }

  /// Ends a statement.
  var isSeparator: Bool { self == .newline || self == .semicolon || self == .endOfFile }
  /// Begins an arrow.
  var isArrow: Bool { self == .link || self == .startLink || self == .linkID }

  /// Mermaid's keywords, which cannot begin a box id.
  var isKeyword: Bool {
    switch self {
    case .graph, .subgraph, .end, .style, .linkStyle, .classDef, .class, .click, .href, .interpolate, .linkTarget: true
    default: false
    }
  }
}

/// A token and its characters in the clean text.
struct FlowToken: Sendable {
  var kind: FlowTokenKind
  var range: Range<Int>
}
