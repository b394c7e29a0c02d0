// SPDX-License-Identifier: Apache-2.0
// The flowcharts on which this reader and the real Mermaid parser agree, from the text files in `Mermaid`.

import Foundation

/// One flowchart with a name for messages.
struct MermaidCase: Sendable, CustomStringConvertible {
  var name: String
  var text: String

  var description: String { name }

  /// Those of `Mermaid/accept.txt` or `Mermaid/reject.txt`.
  static func load(_ kind: String) throws -> [MermaidCase] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Mermaid")
    let text = try String(contentsOf: folder.appendingPathComponent("\(kind).txt"), encoding: .utf8)
    return text.components(separatedBy: "\n=== ").dropFirst().map { part in
      let name = part.prefix { $0 != "\n" }
      var body = String(part.dropFirst(name.count + 1))
      // The last case keeps the file's line end.
      if part.hasSuffix("\n"), text.hasSuffix("=== " + part) { body.removeLast() }
      return MermaidCase(name: String(name), text: decode(body))
    }
  }

  /// `⟨2028⟩` as the character.
  private static func decode(_ text: String) -> String {
    var result = ""
    var rest = text[...]
    while let open = rest.firstIndex(of: "⟨"), let close = rest[open...].firstIndex(of: "⟩") {
      result += rest[..<open]
      let digits = rest[rest.index(after: open)..<close]
      if let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) { result.unicodeScalars.append(scalar) }
      rest = rest[rest.index(after: close)...]
    }
    return result + rest
  }
}
