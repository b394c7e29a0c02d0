// SPDX-License-Identifier: Apache-2.0
// Ids for boxes: the names that things have, as far as the diagram's language allows them.

/// Gives every box an id of its own.
struct BoxNames {
  /// Words that Mermaid keeps for itself, and names of the front matter's values.
  private static let reserved: Set<String> = [
    "end", "graph", "flowchart", "subgraph", "class", "classdef", "style", "linkstyle", "click", "default", "direction",
    "href", "call", "input", "constant", "parameter", "repeat", "none", "true", "false",
  ]

  private var used: Set<String> = []
  /// How many paths end in these components.
  private var endings: [String: Int] = [:]

  /// - Parameter paths: everything that will get a name.
  init(paths: [String]) {
    for path in paths { for ending in BoxNames.endings(of: path) { endings[ending, default: 0] += 1 } }
  }

  /// A text as an id: letters, digits and underscores, not starting with a digit.
  static func identifier(_ text: String) -> String {
    var id = ""
    for character in text {
      if character.isLetter || character.isNumber, character.unicodeScalars.count == 1 {
        id.append(character)
      } else if id.last != "_" {
        id.append("_")
      }
    }
    while id.last == "_" && id.count > 1 { id.removeLast() }
    while id.first == "_" && id.count > 1 { id.removeFirst() }
    if id.isEmpty || id == "_" { return "box" }
    if id.first?.isNumber == true || reserved.contains(id.lowercased()) { return "v\(id)" }
    return id
  }

  /// The last parts of a path, the shortest first.
  private static func endings(of path: String) -> [String] {
    let parts = path.split(separator: "/")
    return parts.indices.reversed().prefix(6).map { parts[$0...].joined(separator: "/") }
  }

  /// An id from the shortest end of a path that no other path has.
  mutating func id(path: String) -> String {
    let ending = BoxNames.endings(of: path).first { endings[$0] == 1 } ?? path
    return unique(BoxNames.identifier(ending))
  }

  /// An id for exactly this name, when nothing has it.
  mutating func unique(_ id: String) -> String {
    var candidate = id
    var number = 1
    while !used.insert(candidate).inserted {
      number += 1
      candidate = "\(id)_\(number)"
    }
    return candidate
  }
}
