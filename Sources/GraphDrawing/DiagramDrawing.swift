// SPDX-License-Identifier: Apache-2.0
// A parsed diagram as a drawing.

import GraphLanguage
import GraphSupport

extension Drawing {
  /// The picture of a `.graph` file: titles strong, operations as code, bound operations below a label.
  package init(_ file: GraphFile) {
    let diagram = file.diagram
    self.init(title: file.frontMatter.title?.value ?? diagram.accessibleTitle, direction: diagram.direction)
    let styles = StyleSheet(diagram.styles)
    var groupOfBox: [String: Int] = [:]
    for (index, subgraph) in diagram.subgraphs.enumerated() {
      groups.append(Group(Drawing.lines(subgraph.title), parent: subgraph.parent, direction: subgraph.direction))
      for case .box(let id) in subgraph.members { groupOfBox[id] = index }
    }
    var ends: [String: End] = [:]
    for (index, subgraph) in diagram.subgraphs.enumerated() where ends[subgraph.id] == nil {
      ends[subgraph.id] = .group(index)
    }
    for box in diagram.boxes {
      ends[box.id] = .node(nodes.count)
      var lines = Drawing.lines(box.label)
      if lines.isEmpty { lines = [Line(box.id)] }
      if let binding = file.frontMatter.binding(box.id) {
        lines = lines.map { Line($0.text, .strong) }
        lines += binding.operations.map { Line(file.source.text($0.range), .code) }
      }
      nodes.append(
        Node(lines, shape: box.shape, group: groupOfBox[box.id], style: styles.style(of: box.id, classes: box.classes)))
    }
    for edge in diagram.edges {
      guard let from = ends[edge.from.id], let to = ends[edge.to.id] else { continue }
      edges.append(
        Edge(
          from: from, to: to, label: Drawing.lines(edge.label).map { Line($0.text) }, stroke: edge.stroke,
          tail: edge.tail, head: edge.head, length: edge.length))
    }
  }

  private static func lines(_ label: Label?) -> [Line] {
    guard let label else { return [] }
    let titles = label.lines.count - label.operations.count
    return label.lines.enumerated().map { index, line in
      let isCall = if case .name = line.expression?.kind { false } else { line.expression != nil }
      return Line(line.text, index < titles && titles < label.lines.count ? .strong : isCall ? .code : .plain)
    }
  }
}

/// `classDef` and `style` statements by what they name.
private struct StyleSheet {
  private var classes: [Substring: [Substring]] = [:]
  private var boxes: [Substring: [Substring]] = [:]

  init(_ statements: [StyleStatement]) {
    for statement in statements where statement.keyword == .classDef || statement.keyword == .style {
      let parts = statement.text.split(maxSplits: 2, whereSeparator: \.isWhitespace)
      guard parts.count == 3 else { continue }
      for name in parts[1].split(separator: ",") {
        if statement.keyword == .classDef {
          classes[name, default: []].append(parts[2])
        } else {
          boxes[name, default: []].append(parts[2])
        }
      }
    }
  }

  func style(of box: String, classes names: [String]) -> Drawing.Style {
    var style = Drawing.Style()
    for name in ["default"] + names { for text in classes[name[...]] ?? [] { style.add(String(text)) } }
    for text in boxes[box[...]] ?? [] { style.add(String(text)) }
    return style
  }
}
