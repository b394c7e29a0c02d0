// SPDX-License-Identifier: Apache-2.0
// A laid out drawing as a stand-alone SVG file.

import GraphLanguage

extension Drawing {
  /// The drawing as an SVG file. It follows the reader's light or dark colours and needs nothing but itself.
  package func svg() -> String {
    let layout = DrawingLayout(self)
    var writer = SVGWriter(drawing: self, layout: layout)
    return writer.write()
  }
}

private struct SVGWriter {
  let drawing: Drawing
  let layout: DrawingLayout
  private var text = ""

  init(drawing: Drawing, layout: DrawingLayout) {
    self.drawing = drawing
    self.layout = layout
  }

  mutating func write() -> String {
    let (width, height) = (n(layout.size.width), n(layout.size.height))
    text = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\""
    text += " viewBox=\"0 0 \(width) \(height)\" role=\"img\">\n"
    if let title = drawing.title { text += "<title>\(escaped(title))</title>\n" }
    text += SVGStyle.sheet + SVGStyle.markers
    text += "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
    if let title = drawing.title {
      text += "<text class=\"title\" x=\"\(n(layout.size.width / 2))\" y=\"28\">\(escaped(title))</text>\n"
    }
    for frame in layout.groups { text += Outline(frame: frame).rectangle(frame, radius: 6, " class=\"group\"") }
    for index in drawing.edges.indices { addArrow(index) }
    for (group, frame) in zip(drawing.groups, layout.groups) {
      let size = TextMetrics.size(group.lines)
      let place = Point(x: frame.x + frame.width / 2, y: frame.y + 8 + size.height / 2)
      add(group.lines, centre: place, halo: true)
    }
    for (node, frame) in zip(drawing.nodes, layout.nodes) { add(node, frame) }
    for (edge, place) in zip(drawing.edges, layout.labels) {
      if let place { add(edge.label, centre: place, halo: true) }
    }
    return text + "</svg>\n"
  }

  private mutating func add(_ node: Drawing.Node, _ frame: Frame) {
    let style = node.style.outline.isEmpty ? "" : " style=\"\(escaped(node.style.outline.joined(separator: ";")))\""
    text += Outline(frame: frame).svg(node.shape, attributes: " class=\"box\"\(style)")
    if case .named(let name) = node.shape, !NamedOutline.showsText(name) { return }
    add(node.lines, centre: frame.centre, style: node.style.text.joined(separator: ";"))
  }

  private mutating func add(_ lines: [Drawing.Line], centre: Point, halo: Bool = false, style: String = "") {
    var y = centre.y - Double(lines.count - 1) / 2 * TextMetrics.lineHeight + TextMetrics.baseline
    let styled = style.isEmpty ? "" : " style=\"\(escaped(style))\""
    for line in lines {
      text +=
        "<text class=\"\(line.style.rawValue)\(halo ? " halo" : "")\" x=\"\(n(centre.x))\" y=\"\(n(y))\"\(styled)>"
      text += "\(escaped(line.text))</text>\n"
      y += TextMetrics.lineHeight
    }
  }

  // MARK: Arrows

  private mutating func addArrow(_ index: Int) {
    let edge = drawing.edges[index]
    if edge.stroke == .invisible { return }
    if edge.from == edge.to { return addLoop(edge) }
    let points = layout.routes[index]
    guard points.count > 1 else { return }
    text += arrow(edge, ArrowPath(points, isVertical: layout.isVertical[index], edge).data)
  }

  /// An arrow from a box to itself, at its right side.
  private mutating func addLoop(_ edge: Drawing.Edge) {
    guard case .node(let node) = edge.from else { return }
    let frame = layout.nodes[node]
    let (x, y) = (frame.x + frame.width, frame.centre.y)
    text += arrow(
      edge, "M\(n(x)),\(n(y - 8))C\(n(x + 40)),\(n(y - 26)) \(n(x + 40)),\(n(y + 26)) \(n(x + 5)),\(n(y + 9))")
    let width = TextMetrics.size(edge.label).width
    add(edge.label, centre: Point(x: x + 38 + width / 2, y: y), halo: true)
  }

  private func arrow(_ edge: Drawing.Edge, _ data: String) -> String {
    let stroke =
      switch edge.stroke {
      case .thick: " thick"
      case .dotted: " dotted"
      case .normal, .invisible: ""
      }
    let tail = SVGStyle.marker(edge.tail).map { " marker-start=\"url(#\($0))\"" } ?? ""
    let head = SVGStyle.marker(edge.head).map { " marker-end=\"url(#\($0))\"" } ?? ""
    return "<path class=\"arrow\(stroke)\" d=\"\(data)\"\(tail)\(head)/>\n"
  }
}

/// Text for XML, without what XML cannot hold.
func escaped(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "&": result += "&amp;"
    case "\"": result += "&quot;"
    case "\t", "\n": result += " "
    case "\u{0}"..<"\u{20}", "\u{FFFE}", "\u{FFFF}": continue
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}
