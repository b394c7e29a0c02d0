// SPDX-License-Identifier: Apache-2.0
// The canonical layout of a `.graph` file.

import GraphSupport

extension GraphFile {
  /// The file in its canonical layout: one statement a line, four spaces for each subgraph around it, one space around
  /// arrows and `&`, at most one blank line. Front matter, comments, labels and styles stay as they are. Formatting a
  /// formatted text changes nothing, and the diagram means the same. To be used on a file without errors.
  package var formatted: String {
    var printer = FlowPrinter(source: source)
    if let text = frontMatter.text { printer.add(frontMatter: text) }
    printer.add(syntax)
    return printer.text
  }

  /// The diagram alone, as plain Mermaid: of the front matter only the title is Mermaid's.
  package var mermaid: String {
    var printer = FlowPrinter(source: source)
    if let title = frontMatter.title?.value { printer.add(frontMatter: "title: \(jsonString(title))") }
    printer.add(syntax)
    return printer.text
  }
}

/// Writes statements.
private struct FlowPrinter {
  private(set) var text = ""
  private let source: SourceText
  private var depth = 0
  /// The end of what was printed last, for blank lines.
  private var lastEnd: Int?

  init(source: SourceText) { self.source = source }

  mutating func add(frontMatter: String) {
    text += "---\n\(frontMatter)\n---\n"
  }

  mutating func add(_ syntax: FlowSyntax) {
    for comment in syntax.leading { add(comment) }
    lastEnd = nil
    line("\(syntax.keyword) \(syntax.direction ?? "TD")")
    depth = 1
    add(syntax.statements)
  }

  private mutating func add(_ statements: [FlowStatement]) {
    for statement in statements {
      for comment in statement.comments { add(comment) }
      if case .end = statement.kind { continue }
      blankLine(before: statement.range.start)
      add(statement.kind)
      lastEnd = statement.range.end
    }
  }

  private mutating func add(_ kind: FlowStatement.Kind) {
    switch kind {
    case .chain(let groups, let arrows):
      // At the start of a line `%%` would be a comment.
      var chain = groups.first?.nodes.first?.id.hasPrefix("%%") == true ? ";" : ""
      for (place, group) in groups.enumerated() {
        if place > 0, place <= arrows.count {
          // Mermaid takes no space between `}` and an arrow's id, and takes some ids with a space for keywords.
          let isTight =
            arrows[place - 1].id != nil && groups[place - 1].nodes.last?.metadata != nil
            || ["click", "call", "href"].contains(where: chain.hasSuffix)
          chain += (isTight ? "" : " ") + text(arrows[place - 1]) + " "
        }
        chain += group.nodes.map(text).joined(separator: " & ")
      }
      line(chain)
    case .subgraph(let subgraph):
      var header = "subgraph"
      if let name = subgraph.name {
        let written = quoted(name, trimming: true)
        // A space before or after a word makes it a title without an id.
        let isPadded = name.style == .plain && subgraph.title == nil && !name.isWord && !written.contains(" ")
        header += (isPadded ? "  " : " ") + (written.isEmpty ? " " : written)
      }
      if let title = subgraph.title {
        header += "[\(quoted(title))]"
      } else if header.hasSuffix("end") {
        // The keyword inside of a name would take the line end along.
        header += ";"
      }
      line(header)
      lastEnd = nil
      depth += 1
      add(subgraph.statements)
      depth -= 1
      line("end")
    case .direction(let direction): line("direction \(direction.rawValue)")
    case .style(let style): line(style.text)
    // Without a text both would take the next line for it.
    case .accessibleTitle(""), .accessibleDescription(""): break
    case .accessibleTitle(let title): line("accTitle: \(title)")
    case .accessibleDescription(let description):
      line(description.contains("\n") ? "accDescr { \(description) }" : "accDescr: \(description)")
    case .end: break
    }
  }

  // MARK: Parts

  private func text(_ node: FlowNode) -> String {
    var result = node.id
    if let outline = node.outline { result += outline.open + quoted(outline.text) + outline.close }
    if let name = node.className { result += ":::" + name }
    if let metadata = node.metadata { result += "@{\(metadata.written)}" }
    return result
  }

  private func text(_ arrow: FlowArrow) -> String {
    let id = arrow.id.map { "\($0)@" } ?? ""
    guard let label = arrow.label else { return id + arrow.arrow }
    if let opening = arrow.opening {
      return "\(id)\(opening) \(quoted(label, trimming: true)) \(arrow.arrow)"
    }
    return "\(id)\(arrow.arrow)|\(quoted(label))|"
  }

  /// A text with its quotes. What follows a quoted part inside of the same label stays behind it.
  private func quoted(_ label: FlowText, trimming: Bool = false) -> String {
    let written = label.text[0..<label.quotedCount].written
    let rest = label.text[label.quotedCount..<label.text.count].written
    let tail = trimming ? rest.trimmedEnd : rest
    switch label.style {
    case .plain: return trimming ? String(rest[...].trimmingWhitespace()) : rest
    case .quoted: return "\"\(written)\"\(tail)"
    case .markdown: return "\"`\(written)`\"\(tail)"
    }
  }

  // MARK: Lines

  private mutating func add(_ comment: FlowComment) {
    // Nothing but the mark is no comment but a box to Mermaid.
    if comment.text == "%%" { return }
    blankLine(before: comment.range.start)
    line(comment.text)
    lastEnd = comment.range.end
  }

  private mutating func line(_ content: String) {
    text += (holdsDirection(content) ? "" : String(repeating: "    ", count: depth)) + content + "\n"
  }

  /// After white space Mermaid takes a line with `direction TB` anywhere in it for that statement, so one like
  /// `click a "direction TB"` must begin its line.
  private func holdsDirection(_ content: String) -> Bool {
    if content.hasPrefix("direction") { return false }
    return content.ranges(of: "direction").contains { word in
      let rest = content[word.upperBound...]
      let argument = rest.drop(while: \.isWhitespace)
      return argument.startIndex > rest.startIndex && ["TB", "BT", "RL", "LR"].contains(where: argument.hasPrefix)
    }
  }

  /// One blank line where the source has some.
  private mutating func blankLine(before offset: Int) {
    guard let lastEnd, source.line(at: offset) > source.line(at: max(lastEnd - 1, 0)) + 1 else { return }
    let first = source.line(at: max(lastEnd - 1, 0)) + 1
    let last = source.line(at: offset) - 1
    let isBlank = (first...last).contains { source.text(ofLine: $0).allSatisfy(\.isWhitespace) }
    if isBlank { text += "\n" }
  }
}

extension MappedText {
  /// With entities as they are written in a file, not as the lexer sees them.
  var written: String {
    var result = String.UnicodeScalarView()
    var index = 0
    while index < count {
      let rest = scalars[index...]
      if rest.starts(with: EntityMarks.number), range(index..<index + 3) == range(at: index) {
        result.append("#")
        index += EntityMarks.number.count
      } else if rest.starts(with: EntityMarks.name), range(index..<index + 2) == range(at: index) {
        result.append("#")
        index += EntityMarks.name.count
      } else if rest.starts(with: EntityMarks.end), range(index..<index + 2) == range(at: index) {
        result.append(";")
        index += EntityMarks.end.count
      } else {
        result.append(scalars[index])
        index += 1
      }
    }
    return String(result)
  }
}
