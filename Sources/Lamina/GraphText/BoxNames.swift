// SPDX-License-Identifier: Apache-2.0
// Ids for boxes: the names that things have, as far as the diagram's language allows them.

/// Gives every box an id of its own.
struct BoxNames {
  /// Words that Mermaid keeps for itself, and names of the front matter's values.
  private static let reserved: Set<String> = [
    "end", "graph", "flowchart", "subgraph", "class", "classdef", "style", "linkstyle", "click", "default", "direction",
    "href", "call", "none", "true", "false",
  ]

  private var used: Set<String> = []

  /// Names boxes that stand in one scope by the shortest ends of their paths that tell them apart.
  mutating func name(_ boxes: inout [TextBox]) {
    var endings: [String: Int] = [:]
    for box in boxes { for ending in BoxNames.endings(of: box.path) { endings[ending, default: 0] += 1 } }
    for index in boxes.indices where boxes[index].id.isEmpty {
      let path = boxes[index].path
      let ending = BoxNames.endings(of: path).first { endings[$0] == 1 } ?? path
      boxes[index].id = unique(BoxNames.identifier(ending))
    }
  }

  /// Names the boxes of the subgraphs that boxes run.
  mutating func nameRegions(of boxes: inout [TextBox]) {
    for box in boxes.indices {
      for region in boxes[box].regions.indices {
        name(&boxes[box].regions[region].block.boxes)
        nameRegions(of: &boxes[box].regions[region].block.boxes)
      }
    }
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
    return parts.indices.reversed().map { parts[$0...].joined(separator: "/") }
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
