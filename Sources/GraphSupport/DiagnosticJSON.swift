// SPDX-License-Identifier: Apache-2.0
// Diagnostics for programs.

extension Sequence where Element == Diagnostic {
  /// A JSON array with one object a diagnostic: `severity`, `id`, `message`, and where known `file`, `line`, `column`,
  /// `endLine`, `endColumn` (from 1, in characters), `fixIt` and `notes`.
  package var json: String {
    let objects = map { diagnostic in
      var fields = [
        "\"severity\": \(jsonString(diagnostic.severity.rawValue))", "\"id\": \(jsonString(diagnostic.id))",
        "\"message\": \(jsonString(diagnostic.message))",
      ]
      if let location = diagnostic.location {
        fields += place(location)
      } else if let file = diagnostic.file {
        fields.append("\"file\": \(jsonString(file))")
      }
      if let fixIt = diagnostic.fixIt { fields.append("\"fixIt\": \(jsonString(fixIt))") }
      if !diagnostic.notes.isEmpty {
        let notes = diagnostic.notes.map { note in
          let fields = ["\"message\": \(jsonString(note.message))"] + (note.location.map(place) ?? [])
          return "{\(fields.joined(separator: ", "))}"
        }
        fields.append("\"notes\": [\(notes.joined(separator: ", "))]")
      }
      return "{\(fields.joined(separator: ", "))}"
    }
    return objects.isEmpty ? "[]" : "[\n  \(objects.joined(separator: ",\n  "))\n]"
  }
}

private func place(_ location: SourceLocation) -> [String] {
  let start = location.file.position(at: location.range.start)
  let end = location.file.position(at: location.range.end)
  return [
    "\"file\": \(jsonString(location.file.path))", "\"line\": \(start.line)", "\"column\": \(start.column)",
    "\"endLine\": \(end.line)", "\"endColumn\": \(end.column)",
  ]
}

/// A text as a JSON string with its quotes.
package func jsonString(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    case "\u{0}"..<"\u{20}":
      let digits = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
