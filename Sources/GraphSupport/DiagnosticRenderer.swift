// SPDX-License-Identifier: Apache-2.0
// Diagnostics for people: where, what, the source line with carets, and what to write instead.

/// Writes diagnostics as text:
///
///     digits.graph:7:12: error: unknown layer 'Dens' [unknown-layer]
///         hidden["Dens(64, relu)"]
///                 ^~~~
///         did you mean 'Dense'?
package struct DiagnosticRenderer: Sendable {
  /// Terminal colours.
  package var color: Bool
  /// Longer source lines are cut around the caret, to so many columns.
  private static let lineLimit = 120

  package init(color: Bool = false) { self.color = color }

  /// Every diagnostic, each ended by a line end.
  package func render(_ diagnostics: some Sequence<Diagnostic>) -> String { diagnostics.map(render).joined() }

  package func render(_ diagnostic: Diagnostic) -> String {
    let place = diagnostic.location?.description ?? diagnostic.file
    var text = place.map { style("\(printable($0)):", .bold) + " " } ?? ""
    text += style("\(diagnostic.severity.rawValue):", diagnostic.severity.style) + " "
    text += style(printable(diagnostic.message), .bold) + " [\(diagnostic.id)]\n"
    if let location = diagnostic.location { text += excerpt(location, diagnostic.severity.style) }
    if let fixIt = diagnostic.fixIt { text += "    did you mean '\(style(printable(fixIt), .green))'?\n" }
    for note in diagnostic.notes {
      text += note.location.map { style("\(printable($0.description)):", .bold) + " " } ?? "    "
      text += style("note:", .cyan) + " \(printable(note.message))\n"
      if let location = note.location { text += excerpt(location, .cyan) }
    }
    return text
  }

  /// The source line and carets under the range, as far as it goes on that line.
  private func excerpt(_ location: SourceLocation, _ style: Style) -> String {
    let file = location.file
    let number = file.line(at: location.range.start)
    let line = file.text(ofLine: number)
    let start = file.start(ofLine: number)
    let end = start + line.utf8.count
    let from = min(max(location.range.start, start), end)
    let to = min(max(location.range.end, from), end)
    var before = columns(file.text(SourceRange(start, from)), from: 0)
    var marked = columns(file.text(SourceRange(from, to)), from: before.displayWidth)
    var after = columns(file.text(SourceRange(to, end)), from: before.displayWidth + marked.displayWidth)
    let limit = DiagnosticRenderer.lineLimit
    if before.displayWidth + marked.displayWidth + after.displayWidth > limit {
      if before.displayWidth > limit / 2 { before = "…" + suffix(before, limit / 2) }
      let room = limit - before.displayWidth
      if marked.displayWidth > room { marked = prefix(marked, room) + "…" }
      let rest = room - marked.displayWidth
      if after.displayWidth > rest { after = prefix(after, max(rest, 0)) + "…" }
    }
    let carets = "^" + String(repeating: "~", count: max(marked.displayWidth, 1) - 1)
    let indent = String(repeating: " ", count: before.displayWidth)
    return "    \(before)\(marked)\(after)\n    \(indent)\(self.style(carets, style))\n"
  }

  /// Tabs as spaces to the next multiple of 4, and signs that would steer a terminal as their pictures.
  private func columns(_ text: String, from column: Int) -> String {
    var result = ""
    var column = column
    for character in text {
      if character == "\t" {
        let width = 4 - column % 4
        result += String(repeating: " ", count: width)
        column += width
      } else {
        result += printable(String(character))
        column += character.displayWidth
      }
    }
    return result
  }

  private func prefix(_ text: String, _ width: Int) -> String {
    var left = width
    return String(
      text.prefix {
        left -= $0.displayWidth
        return left >= 0
      })
  }

  private func suffix(_ text: String, _ width: Int) -> String {
    String(prefix(String(text.reversed()), width).reversed())
  }

  /// Control characters would let a file write escape sequences to the terminal.
  private func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0..<32: result.append(Unicode.Scalar(0x2400 + scalar.value) ?? "?")
      case 127..<160: result.append("\u{2421}")
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  fileprivate enum Style: String {
    case bold = "1"
    case red = "1;31"
    case yellow = "1;33"
    case cyan = "1;36"
    case green = "32"
  }

  private func style(_ text: String, _ style: Style) -> String {
    color ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
  }
}

extension Diagnostic.Severity {
  fileprivate var style: DiagnosticRenderer.Style {
    switch self {
    case .error: .red
    case .warning: .yellow
    case .note: .cyan
    }
  }
}
