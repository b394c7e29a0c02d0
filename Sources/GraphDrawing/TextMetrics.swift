// SPDX-License-Identifier: Apache-2.0
// How large a text is, without a font at hand: close to a common sans-serif, a little on the wide side.

import GraphSupport

/// A width and a height, in pixels.
struct Size: Sendable, Hashable {
  var width: Double
  var height: Double
}

enum TextMetrics {
  static let lineHeight = 19.0
  /// The distance from a line's middle to its base line.
  static let baseline = 5.0

  static func size(_ lines: [Drawing.Line]) -> Size {
    Size(width: lines.map(width).max() ?? 0, height: Double(lines.count) * lineHeight)
  }

  /// At 14 pixels, or 13 for code.
  static func width(_ line: Drawing.Line) -> Double {
    let isCode = line.style == .code
    let scale = line.style == .strong ? 1.08 : line.style == .quiet ? 0.9 : 1
    return line.text.reduce(0) { $0 + width($1, isCode: isCode) } * scale
  }

  private static func width(_ character: Character, isCode: Bool) -> Double {
    switch character.displayWidth {
    case 0: return 0
    case 2: return 14
    default: break
    }
    if isCode { return 7.9 }
    return switch character {
    case "i", "j", "l", "I", "'", ".", ",", ":", ";", "|", "!": 4
    case " ", "f", "t", "r", "(", ")", "[", "]", "/", "-": 5.2
    case "m", "w", "M", "W", "@", "%": 12.5
    case "A"..."Z": 9.8
    default: 8.2
    }
  }
}
