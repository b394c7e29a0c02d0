// SPDX-License-Identifier: Apache-2.0
// What Mermaid does to a text before its lexer sees it: line ends, front matter, directives, comments, entities.
//
// Every step here changes what the lexer accepts (a comment may stand inside a quoted label, `#quot;` is no longer a
// `#` and a `;`), so each is done in Mermaid's order, with the places in the file kept.

import GraphSupport

/// A file's text as the flowchart lexer reads it, and what was taken out.
struct CleanText {
  var text: MappedText
  /// Between the `---` lines.
  var frontMatter: MappedText?
  /// Comments and directives, in the order of the file.
  var comments: [FlowComment] = []

  init(_ source: MappedText) {
    text = CleanText.normalised(source)
    text = CleanText.withQuotedAttributes(text)
    takeFrontMatter()
    takeDirectives()
    takeComments()
    comments.sort { $0.range.start < $1.range.start }
    for keyword in ["style", "classDef"] { dropStyleSemicolons(after: Array(keyword.unicodeScalars)) }
    encodeEntities()
    let end = text.range(at: text.count)
    text.append("\n", end)
    joinClosingBraces()
  }

  /// Line ends as `\n`.
  private static func normalised(_ source: MappedText) -> MappedText {
    guard source.scalars.contains("\r") else { return source }
    var result = MappedText(anchor: source.anchor)
    var index = 0
    while index < source.count {
      if source[index] == "\r" {
        let isPair = index + 1 < source.count && source[index + 1] == "\n"
        result.append("\n", source.range(index..<(isPair ? index + 2 : index + 1)))
        index += isPair ? 2 : 1
      } else {
        result.append(source, index..<index + 1)
        index += 1
      }
    }
    return result
  }

  /// `<tag name="value">` with single quotes, so that it may stand in a quoted label.
  private static func withQuotedAttributes(_ source: MappedText) -> MappedText {
    var result = MappedText(anchor: source.anchor)
    var copied = 0
    var index = 0
    var close = -1
    while index + 1 < source.count {
      guard source[index] == "<", source[index + 1].isWordCharacter else {
        index += 1
        continue
      }
      if close < index { close = source.scalars[index...].firstIndex(of: ">") ?? source.count }
      if close == source.count { break }
      var quote: Int?
      for position in index..<close where source[position] == "\"" {
        if let open = quote {
          for edge in [open, position] {
            result.append(source, copied..<edge)
            result.append("'", source.range(at: edge))
            copied = edge + 1
          }
          quote = nil
        } else if source[position - 1] == "=" {
          quote = position
        }
      }
      index = close + 1
    }
    if copied == 0 { return source }
    result.append(source, copied..<source.count)
    return result
  }

  /// `---`, lines, `---` at the very start.
  private mutating func takeFrontMatter() {
    let dashes = Array("---".unicodeScalars)
    guard starts(with: dashes, at: 0) else { return }
    // White space after the first dashes up to any of its line ends, then the shortest text before a closing line.
    let open = skipSpace(3)
    guard let firstLine = text.scalars[3..<open].firstIndex(of: "\n") else { return }
    var line = firstLine
    while let next = text.scalars[(line + 1)...].firstIndex(of: "\n") {
      line = next
      guard starts(with: dashes, at: line + 1) else { continue }
      let end = skipSpace(line + 4)
      guard let last = text.scalars[(line + 4)..<end].lastIndex(of: "\n") else { continue }
      frontMatter = text[firstLine + 1..<line]
      text = text[last + 1..<text.count]
      return
    }
  }

  /// `%%{word: …}%%`, anywhere; without the closing it goes to the end of the text.
  private mutating func takeDirectives() {
    let open = Array("%%{".unicodeScalars)
    let close = Array("}%%".unicodeScalars)
    guard text.scalars.contains("%") else { return }
    var result = MappedText(anchor: text.anchor)
    var copied = 0
    var index = 0
    while index < text.count {
      guard text[index] == "%", starts(with: open, at: index) else {
        index += 1
        continue
      }
      let word = skipSpace(index + 3)
      var end = skipWord(word)
      guard end > word else {
        index += 1
        continue
      }
      let colon = skipSpace(end)
      if colon < text.count, text[colon] == ":" { end = colon + 1 }
      let argument = skipSpace(end)
      end = skipWord(argument)
      if end == argument {
        while end < text.count, !starts(with: close, at: end), !text[end].isLineTerminator || text[end] == "\n" {
          end += 1
        }
      }
      end = skipSpace(end)
      if starts(with: close, at: end) { end += 3 }
      comments.append(FlowComment(text: text.string(text.trimmed(index..<end)), range: text.range(index..<end)))
      result.append(text, copied..<index)
      copied = end
      index = end
    }
    if copied == 0 { return }
    result.append(text, copied..<text.count)
    text = result
  }

  /// Lines that start with `%%` and have something behind it, and the white space at the start of the text.
  private mutating func takeComments() {
    var result = MappedText(anchor: text.anchor)
    var copied = 0
    var index = 0
    while index < text.count {
      let mark = skipSpace(index)
      if mark + 2 < text.count, text[mark] == "%", text[mark + 1] == "%", text[mark + 2] != "{", text[mark + 2] != "\n"
      {
        let end = text.scalars[mark...].firstIndex(of: "\n") ?? text.count
        comments.append(FlowComment(text: text.string(text.trimmed(mark..<end)), range: text.range(mark..<end)))
        result.append(text, copied..<index)
        copied = min(end + 1, text.count)
        index = copied
      } else {
        index = max(index, mark)
        while index < text.count, !text[index].isLineTerminator { index += 1 }
        index += 1
      }
    }
    if copied > 0 {
      result.append(text, copied..<text.count)
      text = result
    }
    let start = skipSpace(0)
    if start > 0 { text = text[start..<text.count] }
  }

  /// Drops a line's last `;` where the line has the keyword and a colour such as `fill:#fff` before it.
  private mutating func dropStyleSemicolons(after keyword: [Unicode.Scalar]) {
    var dropped: [Int] = []
    var line = 0
    while line < text.count {
      let end = text.scalars[line...].firstIndex(where: \.isLineTerminator) ?? text.count
      defer { line = end + 1 }
      guard let semicolon = text.scalars[line..<end].lastIndex(of: ";"),
        let start = (line..<end).first(where: { starts(with: keyword, at: $0) })
      else { continue }
      var afterColon = false
      for index in start + keyword.count..<max(semicolon, start + keyword.count) {
        if text[index] == "#" && afterColon {
          dropped.append(semicolon)
          break
        }
        if text[index] == ":" { afterColon = true } else if text[index].isMermaidSpace { afterColon = false }
      }
    }
    if dropped.isEmpty { return }
    var result = MappedText(anchor: text.anchor)
    var copied = 0
    for index in dropped {
      result.append(text, copied..<index)
      copied = index + 1
    }
    result.append(text, copied..<text.count)
    text = result
  }

  /// `#name;` and `#35;` as the characters that stand for them until labels are read; see `EntityReader`.
  private mutating func encodeEntities() {
    guard text.scalars.contains("#") else { return }
    var result = MappedText(anchor: text.anchor)
    var copied = 0
    var index = 0
    while index < text.count {
      guard text[index] == "#" else {
        index += 1
        continue
      }
      let end = skipWord(index + 1)
      if end > index + 1, end < text.count, text[end] == ";" {
        result.append(text, copied..<index)
        let isNumber = text.scalars[index + 1..<end].allSatisfy(\.isASCIIDigit)
        for mark in isNumber ? EntityMarks.number : EntityMarks.name { result.append(mark, text.range(at: index)) }
        result.append(text, index + 1..<end)
        for mark in EntityMarks.end { result.append(mark, text.range(at: end)) }
        copied = end + 1
      }
      index = max(index + 1, end)
    }
    if copied == 0 { return }
    result.append(text, copied..<text.count)
    text = result
  }

  /// `}`, white space and line ends as `}` and one line end.
  private mutating func joinClosingBraces() {
    var result = MappedText(anchor: text.anchor)
    var copied = 0
    var index = 0
    while index < text.count {
      guard text[index] == "}" else {
        index += 1
        continue
      }
      let end = skipSpace(index + 1)
      if let last = text.scalars[index + 1..<end].lastIndex(of: "\n"), last > index + 1 {
        result.append(text, copied..<index + 1)
        copied = last
      }
      index = end
    }
    if copied == 0 { return }
    result.append(text, copied..<text.count)
    text = result
  }

  private func starts(with prefix: [Unicode.Scalar], at index: Int) -> Bool {
    index + prefix.count <= text.count && text.scalars[index..<index + prefix.count].elementsEqual(prefix)
  }

  private func skipSpace(_ index: Int) -> Int {
    var index = index
    while index < text.count, text[index].isMermaidSpace { index += 1 }
    return index
  }

  private func skipWord(_ index: Int) -> Int {
    var index = index
    while index < text.count, text[index].isWordCharacter { index += 1 }
    return index
  }
}

/// What stands for the `#`, `&#` and `;` of an entity between the two steps.
enum EntityMarks {
  static let name: [Unicode.Scalar] = ["\u{FB02}", "\u{B0}"]
  static let number: [Unicode.Scalar] = ["\u{FB02}", "\u{B0}", "\u{B0}"]
  static let end: [Unicode.Scalar] = ["\u{B6}", "\u{DF}"]
}
