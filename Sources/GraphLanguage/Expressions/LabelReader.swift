// SPDX-License-Identifier: Apache-2.0
// A label's lines, and which of them read as operations.

import GraphSupport

extension Label {
  /// Characters after which a call that is still open takes no further line, since each one reads it all again.
  private static let callLimit = 4096

  /// Splits a label at `<br/>` and line ends, decodes its entities and reads each line as an expression.
  init(_ written: FlowText) {
    let text = written.text
    var lines: [LabelLine] = []
    // Lines of a call whose brackets are still open.
    var open: MappedText?
    for range in Label.lineRanges(text) {
      var line = EntityReader.decode(text[range])
      line = line[line.trimmed(0..<line.count)]
      if var joined = open {
        joined.append("\n", line.range(at: 0))
        joined.append(line, 0..<line.count)
        let (read, isOpen) = Label.read(joined)
        if read.expression != nil || isOpen {
          lines[lines.count - 1] = read
          open = isOpen && joined.count < Label.callLimit ? joined : nil
          continue
        }
      }
      let (read, isOpen) = Label.read(line)
      lines.append(read)
      open = isOpen ? line : nil
    }
    while lines.count > 1, lines.last?.text.isEmpty == true { lines.removeLast() }
    self.init(style: written.style, lines: lines, range: text.range)
  }

  /// One line, and whether it is a call that may go on over the next one.
  private static func read(_ line: MappedText) -> (LabelLine, isOpen: Bool) {
    var result = LabelLine(text: line.string, range: line.range)
    if line.isEmpty { return (result, false) }
    var parser = ExpressionParser(line)
    switch parser.parseWhole() {
    case .success(let expression):
      switch expression.kind {
      case .call, .name, .unary, .binary: result.expression = expression
      // A value alone is text.
      default: break
      }
      return (result, false)
    case .failure(let problem):
      if ExpressionParser.looksLikeCall(line) { result.problem = problem }
      return (result, result.problem != nil && parser.endsInsideBrackets)
    }
  }

  /// The text between `<br>`, `<br/>` and line ends.
  private static func lineRanges(_ text: MappedText) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var start = 0
    var index = 0
    while index < text.count {
      if let end = lineBreak(text, at: index) {
        ranges.append(start..<index)
        start = end
        index = end
      } else {
        index += 1
      }
    }
    ranges.append(start..<text.count)
    return ranges
  }

  private static func lineBreak(_ text: MappedText, at index: Int) -> Int? {
    if text[index] == "\n" { return index + 1 }
    guard text[index] == "<", index + 3 < text.count, text[index + 1].properties.lowercaseMapping == "b",
      text[index + 2].properties.lowercaseMapping == "r"
    else { return nil }
    var end = index + 3
    while end < text.count, text[end].isMermaidSpace { end += 1 }
    if end < text.count, text[end] == "/" { end += 1 }
    return end < text.count && text[end] == ">" ? end + 1 : nil
  }
}
