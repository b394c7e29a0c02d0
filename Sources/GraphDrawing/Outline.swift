// SPDX-License-Identifier: Apache-2.0
// The outlines of boxes: how much room a text needs in each, and how it is drawn.

import GraphLanguage

/// One box's outline as SVG.
struct Outline {
  let frame: Frame

  private var x: Double { frame.x }
  private var y: Double { frame.y }
  private var width: Double { frame.width }
  private var height: Double { frame.height }
  private var right: Double { frame.x + frame.width }
  private var bottom: Double { frame.y + frame.height }
  private var middle: Point { frame.centre }
  /// How far slanted sides lean.
  private static let slant = 14.0

  /// The size of a box with its text.
  static func size(_ node: Drawing.Node) -> Size {
    let text = TextMetrics.size(node.lines)
    let plain = Size(width: max(text.width + 28, 44), height: text.height + 18)
    switch node.shape {
    case .circle, .doubleCircle:
      let side = max((text.width * text.width + text.height * text.height).squareRoot() + 16, 44)
      let ring = node.shape == .doubleCircle ? 10.0 : 0
      return Size(width: side + ring, height: side + ring)
    case .ellipse: return Size(width: plain.width * 1.3, height: plain.height * 1.35)
    case .diamond:
      // A text of this size fits where the two relative extents add up to one.
      let share = 0.4
      return Size(width: (text.width + 12) / (1 - share), height: (text.height + 6) / share)
    case .hexagon, .stadium: return Size(width: plain.width + 16, height: plain.height)
    case .leanRight, .leanLeft, .trapezoid, .invertedTrapezoid, .flag:
      return Size(width: plain.width + 2 * slant, height: plain.height)
    case .subroutine: return Size(width: plain.width + 16, height: plain.height)
    case .cylinder: return Size(width: plain.width, height: plain.height + 20)
    case .named(let name): return NamedOutline.size(name, plain: plain, text: text)
    case .rectangle, .rounded: return plain
    }
  }

  /// The outline's elements, with a class for the style sheet.
  func svg(_ shape: BoxShape, attributes: String) -> String {
    switch shape {
    case .rectangle: return rectangle(frame, radius: 3, attributes)
    case .rounded: return rectangle(frame, radius: 10, attributes)
    case .stadium: return rectangle(frame, radius: height / 2, attributes)
    case .subroutine:
      return rectangle(frame, radius: 0, attributes)
        + path("M\(x + 8),\(y)V\(bottom)M\(right - 8),\(y)V\(bottom)", attributes)
    case .cylinder: return cylinder(attributes)
    case .circle: return ellipse(width / 2, height / 2, attributes)
    case .doubleCircle:
      return ellipse(width / 2, height / 2, attributes) + ellipse(width / 2 - 5, height / 2 - 5, attributes)
    case .ellipse: return ellipse(width / 2, height / 2, attributes)
    case .diamond: return polygon([(middle.x, y), (right, middle.y), (middle.x, bottom), (x, middle.y)], attributes)
    case .hexagon:
      let inset = min(height / 2, 16)
      return polygon(
        [
          (x + inset, y), (right - inset, y), (right, middle.y), (right - inset, bottom), (x + inset, bottom),
          (x, middle.y),
        ], attributes)
    case .flag:
      let slant = Outline.slant
      return polygon([(x, y), (right, y), (right, bottom), (x, bottom), (x + slant, middle.y)], attributes)
    case .leanRight: return quadrilateral(Outline.slant, 0, 0, Outline.slant, attributes)
    case .leanLeft: return quadrilateral(0, Outline.slant, Outline.slant, 0, attributes)
    case .trapezoid: return quadrilateral(Outline.slant, Outline.slant, 0, 0, attributes)
    case .invertedTrapezoid: return quadrilateral(0, 0, Outline.slant, Outline.slant, attributes)
    case .named(let name): return NamedOutline(outline: self, name: name).svg(attributes)
    }
  }

  // MARK: Elements

  func rectangle(_ frame: Frame, radius: Double, _ attributes: String) -> String {
    "<rect x=\"\(n(frame.x))\" y=\"\(n(frame.y))\" width=\"\(n(frame.width))\" height=\"\(n(frame.height))\""
      + " rx=\"\(n(radius))\"\(attributes)/>\n"
  }

  func ellipse(_ radiusX: Double, _ radiusY: Double, _ attributes: String) -> String {
    "<ellipse cx=\"\(n(middle.x))\" cy=\"\(n(middle.y))\" rx=\"\(n(radiusX))\" ry=\"\(n(radiusY))\"\(attributes)/>\n"
  }

  func polygon(_ points: [(Double, Double)], _ attributes: String) -> String {
    "<polygon points=\"\(points.map { "\(n($0.0)),\(n($0.1))" }.joined(separator: " "))\"\(attributes)/>\n"
  }

  func path(_ data: String, _ attributes: String) -> String { "<path d=\"\(data)\"\(attributes)/>\n" }

  /// Insets of the corners: top left, top right, bottom left, bottom right.
  private func quadrilateral(_ a: Double, _ b: Double, _ c: Double, _ d: Double, _ attributes: String) -> String {
    polygon([(x + a, y), (right - b, y), (right - d, bottom), (x + c, bottom)], attributes)
  }

  private func cylinder(_ attributes: String) -> String {
    let rim = 8.0
    let (a, b) = (n(x), n(right))
    let (top, low) = (n(y + rim), n(bottom - rim))
    let arc = "A\(n(width / 2)),\(n(rim)) 0 0"
    return path(
      "M\(a),\(top)\(arc) 1 \(b),\(top)V\(low)\(arc) 1 \(a),\(low)ZM\(a),\(top)\(arc) 0 \(b),\(top)", attributes)
  }
}

/// A number for SVG, without more digits than a screen shows.
func n(_ value: Double) -> String {
  let rounded = (value * 10).rounded() / 10
  return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
}
