// SPDX-License-Identifier: Apache-2.0
// The line of an arrow: straight along the ranks, curved between them.

import GraphLanguage

/// An arrow's SVG path data.
struct ArrowPath {
  let data: String
  /// What the tip covers of the line.
  private static let tipLength = 5.0

  init(_ route: [Point], isVertical: Bool, _ edge: Drawing.Edge) {
    var points: [Point] = []
    for point in route where points.last != point { points.append(point) }
    if edge.head != .none { ArrowPath.makeRoom(&points, isVertical) }
    if edge.tail != .none {
      points.reverse()
      ArrowPath.makeRoom(&points, isVertical)
      points.reverse()
    }
    var data = points.first.map { "M\(n($0.x)),\(n($0.y))" } ?? ""
    for (a, b) in zip(points, points.dropFirst()) {
      if isVertical ? abs(a.x - b.x) < 0.5 : abs(a.y - b.y) < 0.5 {
        data += "L\(n(b.x)),\(n(b.y))"
      } else if isVertical {
        let middle = n((a.y + b.y) / 2)
        data += "C\(n(a.x)),\(middle) \(n(b.x)),\(middle) \(n(b.x)),\(n(b.y))"
      } else {
        let middle = n((a.x + b.x) / 2)
        data += "C\(middle),\(n(a.y)) \(middle),\(n(b.y)) \(n(b.x)),\(n(b.y))"
      }
    }
    self.data = data
  }

  /// Takes the tip's length off the end of a route.
  private static func makeRoom(_ points: inout [Point], _ isVertical: Bool) {
    guard let end = points.popLast() else { return }
    func reach(_ point: Point) -> Double { isVertical ? end.y - point.y : end.x - point.x }
    // A corner that the tip would cover goes.
    while points.count > 1, let last = points.last, abs(reach(last)) <= tipLength * 1.5 { points.removeLast() }
    let back = (points.last.map(reach) ?? 0) < 0 ? tipLength : -tipLength
    points.append(isVertical ? Point(x: end.x, y: end.y + back) : Point(x: end.x + back, y: end.y))
  }
}
