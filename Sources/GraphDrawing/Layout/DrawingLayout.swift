// SPDX-License-Identifier: Apache-2.0
// The layout of a whole drawing: each group is laid out by itself and is one box in the level around it.

import GraphLanguage

struct Point: Sendable, Hashable {
  var x: Double
  var y: Double
}

/// An upright rectangle.
struct Frame: Sendable, Hashable {
  var x: Double
  var y: Double
  var width: Double
  var height: Double

  var centre: Point { Point(x: x + width / 2, y: y + height / 2) }
}

/// Places in pixels from the top left.
package struct DrawingLayout: Sendable {
  var nodes: [Frame]
  var groups: [Frame]
  /// Each edge's way, in its direction; empty for one that cannot be drawn.
  var routes: [[Point]]
  /// The middle of each label.
  var labels: [Point?]
  /// Whether an edge runs mainly up and down, so that it leaves its ends that way.
  var isVertical: [Bool]
  var size: Size

  package init(_ drawing: Drawing) {
    var builder = LayoutBuilder(drawing)
    self = builder.build()
  }

  init(nodes: Int, groups: Int, edges: Int) {
    self.nodes = Array(repeating: Frame(x: 0, y: 0, width: 0, height: 0), count: nodes)
    self.groups = Array(repeating: Frame(x: 0, y: 0, width: 0, height: 0), count: groups)
    routes = Array(repeating: [], count: edges)
    labels = Array(repeating: nil, count: edges)
    isVertical = Array(repeating: true, count: edges)
    size = Size(width: 0, height: 0)
  }
}

extension DrawingLayout {
  /// What lies on something else, in words: boxes on boxes, boxes outside of their group or on another one, and arrows
  /// through boxes that they do not belong to. Empty for a good layout.
  package func overlaps(_ drawing: Drawing) -> [String] {
    var problems: [String] = []
    for (a, first) in nodes.enumerated() {
      for (b, second) in nodes.enumerated() where b > a && first.intersects(second) {
        problems.append("node \(a) and node \(b)")
      }
      for (group, frame) in groups.enumerated() {
        let isInside = drawing.isInside(drawing.nodes[a].group, group)
        if isInside ? !frame.contains(first) : frame.intersects(first) {
          problems.append("node \(a) and group \(group)")
        }
      }
      for (edge, route) in routes.enumerated() {
        let ends = [drawing.edges[edge].from, drawing.edges[edge].to]
        if ends.contains(.node(a)) { continue }
        let inner = first.inset(by: 2)
        for (p, q) in zip(route, route.dropFirst()) where inner.crosses(p, q, isVertical: isVertical[edge]) {
          problems.append("edge \(edge) through node \(a)")
          break
        }
      }
    }
    for (a, first) in groups.enumerated() {
      for (b, second) in groups.enumerated() where b > a {
        let isNested = drawing.isInside(drawing.groups[b].parent, a)
        if isNested ? !first.contains(second) : first.intersects(second) {
          problems.append("group \(a) and group \(b)")
        }
      }
    }
    return problems
  }
}

extension Drawing {
  fileprivate func isInside(_ group: Int?, _ outer: Int) -> Bool {
    var group = group
    while let current = group {
      if current == outer { return true }
      group = groups[current].parent
    }
    return false
  }
}

extension Frame {
  fileprivate func intersects(_ other: Frame) -> Bool {
    x < other.x + other.width && other.x < x + width && y < other.y + other.height && other.y < y + height
  }

  fileprivate func contains(_ other: Frame) -> Bool {
    x <= other.x && y <= other.y && other.x + other.width <= x + width && other.y + other.height <= y + height
  }

  fileprivate func inset(by margin: Double) -> Frame {
    Frame(x: x + margin, y: y + margin, width: width - 2 * margin, height: height - 2 * margin)
  }

  /// Whether one step of a route, straight or curved, passes through.
  fileprivate func crosses(_ p: Point, _ q: Point, isVertical: Bool) -> Bool {
    for step in 0...16 {
      let t = Double(step) / 16
      // The curve eases along the rank; see `ArrowPath`.
      let eased = t * t * (3 - 2 * t)
      let point =
        isVertical
        ? Point(x: p.x + (q.x - p.x) * eased, y: p.y + (q.y - p.y) * t)
        : Point(x: p.x + (q.x - p.x) * t, y: p.y + (q.y - p.y) * eased)
      if point.x > x, point.x < x + width, point.y > y, point.y < y + height { return true }
    }
    return false
  }
}
