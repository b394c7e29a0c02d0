// SPDX-License-Identifier: Apache-2.0
// `style`, `classDef` and their like, as far as a picture shows them.

import GraphLanguage

extension Drawing {
  /// CSS declarations for an outline and for its text. Only known properties with harmless values are taken over.
  package struct Style: Sendable, Hashable {
    package var outline: [String] = []
    package var text: [String] = []

    package init() {}

    /// Adds declarations such as `fill:#f9f,stroke-width:2px`; later ones win.
    package mutating func add(_ declarations: String) {
      for declaration in declarations.split(whereSeparator: { $0 == "," || $0 == ";" }) {
        let parts = declaration.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { continue }
        let name = String(parts[0].filter { !$0.isWhitespace })
        let value = parts[1].trimmingPrefix(while: \.isWhitespace)
        let isSafe = value.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "#.%- ".contains($0)) }
        guard isSafe, !value.isEmpty else { continue }
        switch name {
        case "fill", "stroke", "stroke-width", "stroke-dasharray", "opacity": outline.append("\(name):\(value)")
        case "color": text.append("fill:\(value)")
        case "font-weight", "font-style": text.append("\(name):\(value)")
        default: break
        }
      }
    }
  }
}
