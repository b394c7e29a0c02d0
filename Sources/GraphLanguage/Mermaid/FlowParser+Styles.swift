// SPDX-License-Identifier: Apache-2.0
// The statements that only the picture needs: read for their syntax, and kept as written.

import GraphSupport

extension FlowParser {
  mutating func parseStyleStatement() throws(Failure) -> StyleStatement {
    let start = token.range.lowerBound
    let keyword = token.kind
    var statement = StyleStatement(keyword: .style, text: "", range: SourceRange(0, 0))
    advance()
    switch keyword {
    case .style:
      try expect(.space, "one space")
      _ = try parseID("a box id")
      try expect(.space, "one space and styles such as 'fill:#fff'")
      try parseStyles()
    case .classDef:
      statement.keyword = .classDef
      try expect(.space, "one space")
      _ = try parseID("a class name")
      try expect(.space, "one space and styles such as 'fill:#fff'")
      try parseStyles()
    case .class:
      statement.keyword = .class
      try expect(.space, "one space; 'class' is a keyword of Mermaid and cannot begin a box id")
      let ids = try parseID("box ids")
      statement.targets = list(ids)
      try expect(.space, "one space and a class name")
      statement.className = text.string(try parseID("a class name"))
    case .linkStyle:
      statement.keyword = .linkStyle
      try parseLinkStyle(&statement)
    default:
      statement.keyword = .click
      try parseClick()
    }
    // A blank after the last one is kept only where it is all there is.
    try expectSeparator("the end of the statement, as Mermaid's styles take no other sign")
    let written = text[start..<token.range.lowerBound].written
    let trimmed = written.trimmedEnd
    statement.text = trimmed.split(whereSeparator: \.isWhitespace).count >= 3 ? trimmed : written
    // The lexer gives `click` and its id as one token, from the id on.
    if keyword == .click { statement.text = "click " + trimmed }
    statement.range = text.range(start..<token.range.lowerBound)
    return statement
  }

  /// The parts of `a,b,c`.
  private func list(_ range: Range<Int>) -> [Located<String>] {
    var parts: [Located<String>] = []
    var start = range.lowerBound
    for index in range.lowerBound...range.upperBound where index == range.upperBound || text[index] == "," {
      parts.append(Located(text.string(start..<index), text.range(start..<index)))
      start = index + 1
    }
    return parts
  }

  private mutating func parseStyles() throws(Failure) {
    while true {
      guard token.kind.isStyle else { throw unexpected("a style such as 'fill:#fff'") }
      while token.kind.isStyle { advance() }
      guard token.kind == .comma else { return }
      advance()
    }
  }

  private mutating func parseLinkStyle(_ statement: inout StyleStatement) throws(Failure) {
    try expect(.space, "one space")
    if token.kind == .default {
      advance()
    } else {
      while true {
        let number = token.range
        try expect(.number, "the number of an arrow, from 0, or 'default'")
        statement.targets.append(Located(text.string(number), text.range(number)))
        guard token.kind == .comma else { break }
        advance()
      }
    }
    try expect(.space, "one space and styles such as 'stroke:#f00'")
    guard token.kind == .interpolate else { return try parseStyles() }
    advance()
    try expect(.space, "one space and the name of a curve")
    guard token.kind.isAlphanumeric else { throw unexpected("the name of a curve") }
    while token.kind.isAlphanumeric { advance() }
    guard token.kind == .space else { return }
    advance()
    try parseStyles()
  }

  private mutating func parseClick() throws(Failure) {
    switch token.kind {
    case .callbackName:
      advance()
      if token.kind == .callbackArguments { advance() }
      guard token.kind == .space else { return }
      advance()
      try expect(.string, "a quoted tooltip")
    case .href:
      advance()
      try parseLinkTarget()
    case .string: try parseLinkTarget()
    default:
      guard token.kind.isAlphanumeric else {
        throw unexpected("'call', 'href', a quoted link or the name of a function")
      }
      while token.kind.isAlphanumeric { advance() }
      guard token.kind == .space else { return }
      advance()
      try expect(.string, "a quoted tooltip")
    }
  }

  /// `"link" "tooltip" _target`, the last two optional.
  private mutating func parseLinkTarget() throws(Failure) {
    try expect(.string, "a quoted link")
    guard token.kind == .space else { return }
    advance()
    if token.kind == .string {
      advance()
      guard token.kind == .space else { return }
      advance()
    }
    try expect(.linkTarget, "a quoted tooltip, _self, _blank, _parent or _top")
  }
}
