// SPDX-License-Identifier: Apache-2.0
// YAML with the place of every value, and limits on what an input may ask of the parser.

import GraphSupport
import Yams

/// A parsed piece of YAML inside of a file.
struct YAML {
  /// Why a text is not read, with its place in the file.
  typealias Problem = Label.Problem

  let root: Node?
  private let text: MappedText
  /// Where each line of the text begins.
  private let lines: [Int]

  /// Parses a text. Nesting deeper than 64 and anchors, which can make a short text endlessly long, are refused.
  static func parse(_ text: MappedText) -> Result<YAML, Problem> {
    if let problem = limits(text) { return .failure(problem) }
    var lines = [0]
    for index in 0..<text.count where text[index] == "\n" { lines.append(index + 1) }
    do {
      return .success(YAML(root: try Yams.compose(yaml: text.string), text: text, lines: lines))
    } catch let error as YamlError {
      let (message, mark) = describe(error)
      let index = mark.map { YAML(root: nil, text: text, lines: lines).index(of: $0) } ?? 0
      return .failure(Problem(message: message, range: text.range(index..<min(index + 1, text.count))))
    } catch {
      return .failure(Problem(message: "not valid YAML: \(error)", range: text.range))
    }
  }

  private static func describe(_ error: YamlError) -> (String, Mark?) {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return ("not valid YAML: \(problem)", mark)
    case .duplicatedKeysInMapping(let duplicates, let context):
      return ("the key '\(duplicates.first ?? "")' is given twice", context.mark)
    default: return ("not valid YAML: \(error)", nil)
    }
  }

  private static func limits(_ text: MappedText) -> Problem? {
    var flow = 0
    var isLineStart = true
    var column = 0
    for index in 0..<text.count {
      let scalar = text[index]
      switch scalar {
      case "\n":
        isLineStart = true
        column = 0
        continue
      case "[", "{": flow += 1
      case "]", "}": flow = max(0, flow - 1)
      case "&" where index + 1 < text.count && !text[index + 1].isMermaidSpace && opensValue(text, before: index):
        return Problem(message: "anchors ('&name') are not read", range: text.range(index..<index + 1))
      default: break
      }
      if isLineStart, scalar == " " || scalar == "-" || scalar == "?" || scalar == ":" {
        column += 1
      } else {
        isLineStart = false
      }
      if flow > 64 || column > 256 {
        return Problem(message: "YAML nested more than 64 levels deep", range: text.range(index..<index + 1))
      }
    }
    return nil
  }

  /// Whether a value may begin here: after `key:`, `-`, `[`, `,` or at the start of a line.
  private static func opensValue(_ text: MappedText, before index: Int) -> Bool {
    var index = index - 1
    while index >= 0, text[index] == " " || text[index] == "\t" { index -= 1 }
    return index < 0 || "\n:-?[{,".unicodeScalars.contains(text[index])
  }

  // MARK: Places

  /// The characters of the text that a mark points at. Yams counts lines and columns in characters from 1.
  private func index(of mark: Mark) -> Int {
    let line = max(mark.line - 1, 0)
    // An error at the end is marked after the last line.
    guard line < lines.count else { return text.count }
    return min(lines[line] + max(mark.column - 1, 0), text.count)
  }

  /// Where a node is written: a scalar's text, else its first character.
  func range(_ node: Node) -> SourceRange {
    if case .scalar = node { return scalar(node).range }
    let start = node.mark.map(index(of:)) ?? 0
    return text.range(start..<min(start + 1, text.count))
  }

  /// A scalar's value with the place of each character.
  func scalar(_ node: Node) -> MappedText {
    guard case .scalar(let scalar) = node, let mark = node.mark else { return MappedText(anchor: text.anchor) }
    let start = index(of: mark)
    let value = Array(scalar.string.unicodeScalars)
    if let mapped = ScalarWalk(text: text, start: start).match(value) { return mapped }
    // A form that is not followed character by character points at its start.
    var result = MappedText(anchor: text.range(at: start).start)
    let place = text.range(start..<min(start + 1, text.count))
    for scalar in value { result.append(scalar, place) }
    return result
  }
}

/// Follows a YAML scalar's source along its value.
private struct ScalarWalk {
  let text: MappedText
  var start: Int

  /// The value with its places, when the source reads as it: plain and quoted scalars, with folded line ends and the
  /// common escapes, and literal blocks.
  func match(_ value: [Unicode.Scalar]) -> MappedText? {
    guard start < text.count else { return nil }
    var result = MappedText(anchor: text.range(at: start).start)
    let quote = text[start]
    let isQuoted = quote == "\"" || quote == "'"
    var index = isQuoted ? start + 1 : start
    if quote == "|" || quote == ">" {
      while index < text.count, text[index] != "\n" { index += 1 }
      index += 1
    }
    if isQuoted { result.anchor = text.range(at: index).start }
    for scalar in value {
      guard let (range, next) = step(scalar, at: index, quote: quote) else { return nil }
      result.append(scalar, text.range(range))
      index = next
    }
    return result
  }

  /// The source characters of one character of the value.
  private func step(_ scalar: Unicode.Scalar, at index: Int, quote: Unicode.Scalar) -> (Range<Int>, Int)? {
    guard index < text.count else {
      // A block's final line end may be the end of the text.
      return scalar == "\n" ? (text.count..<text.count, text.count) : nil
    }
    if quote == "'", text[index] == "'", index + 1 < text.count, text[index + 1] == "'", scalar == "'" {
      return (index..<index + 2, index + 2)
    }
    if quote == "\"", text[index] == "\\", index + 1 < text.count {
      let escaped: Unicode.Scalar? =
        switch text[index + 1] {
        case "n": "\n"
        case "t": "\t"
        case "\"", "\\", "/", " ": text[index + 1]
        default: nil
        }
      return escaped == scalar ? (index..<index + 2, index + 2) : nil
    }
    // Line ends and the indentation around them fold into one character.
    if text[index].isMermaidSpace, scalar == " " || scalar == "\n" {
      var end = index
      while end < text.count, text[end] == " " || text[end] == "\t" { end += 1 }
      if end < text.count, text[end] == "\n" {
        while end < text.count, text[end].isMermaidSpace { end += 1 }
        return (index..<index + 1, end)
      }
    }
    if quote == "|" || quote == ">", index > 0, text[index - 1] == "\n", text[index] == " ", scalar != " " {
      var end = index
      while end < text.count, text[end] == " " { end += 1 }
      return step(scalar, at: end, quote: quote)
    }
    return text[index] == scalar ? (index..<index + 1, index + 1) : nil
  }
}
