// SPDX-License-Identifier: Apache-2.0
// The outlines that have no brackets: `@{ shape: doc }` and its like.

import GraphLanguage

/// An outline by its name in Mermaid; one that is not known here is a rectangle.
struct NamedOutline {
  let outline: Outline
  let name: String

  /// Small signs that have no room for a text.
  private static let signs: [String: Size] = [
    "sm-circ": Size(width: 16, height: 16), "start": Size(width: 16, height: 16),
    "small-circle": Size(width: 16, height: 16), "f-circ": Size(width: 14, height: 14),
    "junction": Size(width: 14, height: 14), "filled-circle": Size(width: 14, height: 14),
    "fr-circ": Size(width: 20, height: 20), "stop": Size(width: 20, height: 20),
    "framed-circle": Size(width: 20, height: 20), "fork": Size(width: 80, height: 8),
    "join": Size(width: 80, height: 8), "cross-circ": Size(width: 36, height: 36),
    "summary": Size(width: 36, height: 36), "crossed-circle": Size(width: 36, height: 36),
    "hourglass": Size(width: 36, height: 36), "collate": Size(width: 36, height: 36),
    "bolt": Size(width: 32, height: 44), "com-link": Size(width: 32, height: 44),
    "lightning-bolt": Size(width: 32, height: 44), "anchor": Size(width: 4, height: 4),
  ]

  /// Whether a box of this shape shows its text.
  static func showsText(_ name: String) -> Bool { signs[name] == nil }

  static func size(_ name: String, plain: Size, text: Size) -> Size {
    if let size = signs[name] { return size }
    switch name {
    case "tri", "extract", "triangle", "flip-tri", "manual-file", "flipped-triangle":
      return Size(width: text.width * 2 + 24, height: text.height * 2 + 24)
    case "lin-cyl", "disk", "lined-cylinder": return Size(width: plain.width + 10, height: plain.height + 40)
    case "text": return Size(width: text.width + 12, height: text.height + 8)
    case "icon": return Size(width: max(plain.width, 48), height: plain.height + 24)
    case "docs", "documents", "st-doc", "stacked-document", "doc", "document", "lin-doc", "lined-document", "tag-doc",
      "tagged-document", "flag", "paper-tape", "procs", "processes", "st-rect", "stacked-rectangle":
      return Size(width: plain.width + 10, height: plain.height + 16)
    default: return Size(width: plain.width + 24, height: plain.height + 6)
    }
  }

  func svg(_ attributes: String) -> String {
    let frame = outline.frame
    let (x, y) = (frame.x, frame.y)
    let (right, bottom) = (x + frame.width, y + frame.height)
    let middle = frame.centre
    func plain(_ frame: Frame) -> String { outline.rectangle(frame, radius: 2, attributes) }
    func lines(_ data: String) -> String { outline.path(data, attributes) }
    let solid = attributes.replacing("class=\"box\"", with: "class=\"solid\"")
    switch name {
    case "text": return ""
    case "sm-circ", "start", "small-circle", "f-circ", "junction", "filled-circle", "anchor":
      return outline.ellipse(frame.width / 2, frame.height / 2, solid)
    case "fr-circ", "stop", "framed-circle":
      return outline.ellipse(frame.width / 2, frame.height / 2, attributes) + outline.ellipse(5, 5, solid)
    case "fork", "join": return outline.rectangle(frame, radius: 1, solid)
    case "cross-circ", "summary", "crossed-circle":
      let d = frame.width * 0.3535
      return outline.ellipse(frame.width / 2, frame.height / 2, attributes)
        + lines(
          "M\(n(middle.x - d)),\(n(middle.y - d))L\(n(middle.x + d)),\(n(middle.y + d))"
            + "M\(n(middle.x + d)),\(n(middle.y - d))L\(n(middle.x - d)),\(n(middle.y + d))")
    case "hourglass", "collate": return outline.polygon([(x, y), (right, y), (x, bottom), (right, bottom)], attributes)
    case "bolt", "com-link", "lightning-bolt":
      return outline.polygon(
        [
          (right - 6, y), (x, middle.y + 4), (middle.x - 2, middle.y + 2), (x + 6, bottom), (right, middle.y - 4),
          (middle.x + 2, middle.y - 2),
        ], attributes)
    case "tri", "extract", "triangle":
      return outline.polygon([(middle.x, y), (right, bottom), (x, bottom)], attributes)
    case "flip-tri", "manual-file", "flipped-triangle":
      return outline.polygon([(x, y), (right, y), (middle.x, bottom)], attributes)
    case "notch-rect", "card", "notched-rectangle":
      return outline.polygon([(x + 12, y), (right, y), (right, bottom), (x, bottom), (x, y + 12)], attributes)
    case "notch-pent", "loop-limit", "notched-pentagon":
      return outline.polygon(
        [(x + 12, y), (right - 12, y), (right, y + 12), (right, bottom), (x, bottom), (x, y + 12)], attributes)
    case "sl-rect", "manual-input", "sloped-rectangle":
      return outline.polygon([(x, y + 12), (right, y), (right, bottom), (x, bottom)], attributes)
    case "lin-rect", "lined-rectangle", "lined-process", "lin-proc", "shaded-process":
      return plain(frame) + lines("M\(n(x + 9)),\(n(y))V\(n(bottom))")
    case "div-rect", "div-proc", "divided-rectangle", "divided-process":
      return plain(frame) + lines("M\(n(x)),\(n(y + 7))H\(n(right))")
    case "win-pane", "internal-storage", "window-pane":
      return plain(frame) + lines("M\(n(x)),\(n(y + 6))H\(n(right))M\(n(x + 6)),\(n(y))V\(n(bottom))")
    case "tag-rect", "tagged-rectangle", "tag-proc", "tagged-process":
      return plain(frame) + lines("M\(n(right - 14)),\(n(bottom))L\(n(right)),\(n(bottom - 14))")
    case "st-rect", "procs", "processes", "stacked-rectangle":
      return stack(count: 3) { plain($0) }
    case "docs", "documents", "st-doc", "stacked-document": return stack(count: 3) { document($0, attributes) }
    case "doc", "document": return document(frame, attributes)
    case "lin-doc", "lined-document":
      return document(frame, attributes) + lines("M\(n(x + 8)),\(n(y))V\(n(bottom - 6))")
    case "tag-doc", "tagged-document":
      return document(frame, attributes) + lines("M\(n(right - 14)),\(n(bottom - 9))L\(n(right)),\(n(bottom - 22))")
    case "flag", "paper-tape": return tape(attributes)
    case "delay", "half-rounded-rectangle":
      let r = frame.height / 2
      return lines("M\(n(x)),\(n(y))H\(n(right - r))A\(n(r)),\(n(r)) 0 0 1 \(n(right - r)),\(n(bottom))H\(n(x))Z")
    case "curv-trap", "curved-trapezoid", "display":
      let r = frame.height / 2
      return lines(
        "M\(n(x)),\(n(middle.y))L\(n(x + 12)),\(n(y))H\(n(right - r))A\(n(r)),\(n(r)) 0 0 1 \(n(right - r)),"
          + "\(n(bottom))H\(n(x + 12))Z")
    case "bow-rect", "bow-tie-rectangle", "stored-data":
      let arc = "A20,\(n(frame.height * 0.7)) 0 0"
      return lines(
        "M\(n(x + 8)),\(n(y))H\(n(right))\(arc) 0 \(n(right)),\(n(bottom))H\(n(x + 8))\(arc) 1 \(n(x + 8)),\(n(y))Z")
    case "h-cyl", "das", "horizontal-cylinder":
      let arc = "A8,\(n(frame.height / 2)) 0 0"
      let (a, b) = (n(x + 8), n(right - 8))
      return lines(
        "M\(a),\(n(y))H\(b)\(arc) 1 \(b),\(n(bottom))H\(a)\(arc) 1 \(a),\(n(y))ZM\(b),\(n(y))\(arc) 0 \(b),\(n(bottom))"
      )
    case "lin-cyl", "disk", "lined-cylinder":
      return outline.svg(.cylinder, attributes: attributes)
        + lines("M\(n(x)),\(n(y + 14))A\(n(frame.width / 2)),8 0 0 0 \(n(right)),\(n(y + 14))")
    case "brace", "brace-l", "comment", "brace-r", "braces": return braces(attributes)
    default: return plain(frame)
    }
  }

  private func stack(count: Int, _ draw: (Frame) -> String) -> String {
    let frame = outline.frame
    return (0..<count).map { index in
      let back = Double(count - 1 - index) * 4
      return draw(
        Frame(x: frame.x + back, y: frame.y + 8 - back, width: frame.width - 8, height: frame.height - 8))
    }.joined()
  }

  private func document(_ frame: Frame, _ attributes: String) -> String {
    let (x, right) = (n(frame.x), n(frame.x + frame.width))
    let wave = n(frame.y + frame.height - 7)
    let (quarter, half) = (n(frame.width / 4), n(frame.width / 2))
    return outline.path(
      "M\(x),\(n(frame.y))H\(right)V\(wave)q-\(quarter),-12 -\(half),0t-\(half),0Z", attributes)
  }

  private func tape(_ attributes: String) -> String {
    let frame = outline.frame
    let (quarter, half) = (n(frame.width / 4), n(frame.width / 2))
    return outline.path(
      "M\(n(frame.x)),\(n(frame.y + 7))q\(quarter),12 \(half),0t\(half),0V\(n(frame.y + frame.height - 7))"
        + "q-\(quarter),-12 -\(half),0t-\(half),0Z", attributes)
  }

  private func braces(_ attributes: String) -> String {
    let frame = outline.frame
    let bare = attributes.replacing("class=\"box\"", with: "class=\"bare\"")
    let side = n(frame.height / 2 - 12)
    let left = "M\(n(frame.x + 10)),\(n(frame.y))q-6,0 -6,8v\(side)q0,4 -4,4q4,0 4,4v\(side)q0,8 6,8"
    let right =
      "M\(n(frame.x + frame.width - 10)),\(n(frame.y))q6,0 6,8v\(side)q0,4 4,4q-4,0 -4,4v\(side)q0,8 -6,8"
    return switch name {
    case "brace-r": outline.path(right, bare)
    case "braces": outline.path(left, bare) + outline.path(right, bare)
    default: outline.path(left, bare)
    }
  }
}
