// SPDX-License-Identifier: Apache-2.0
// Splits a drawing into levels, lays them out from the inside, and puts the parts together from the outside.

import GraphLanguage

/// Levels are numbered as groups, with the last number for what is outside of all groups.
struct LayoutBuilder {
  private static let padding = 20.0
  private static let margin = 16.0

  /// One stretch of an edge on one level.
  private struct Part {
    var edge: Int
    /// Nil where the edge passes the level's border.
    var from: Drawing.End?
    var to: Drawing.End?
    /// Runs against the ranks.
    var isReversed: Bool
    var hasLabel = false
  }

  private struct Level {
    var members: [Drawing.End] = []
    var parts: [Part] = []
    var direction = Diagram.Direction.down
    var layout = LevelLayout(centres: [], routes: [], labels: [], cross: 0, main: 0)
    var size = Size(width: 0, height: 0)
    /// Of the content, in the group's box.
    var origin = Point(x: 0, y: 0)
    /// Where parts pass the border: by edge and whether it is the end of the part, from the box's centre.
    var ports: [Port: Double] = [:]
  }

  private struct Port: Hashable {
    var edge: Int
    var isOut: Bool
  }

  private let drawing: Drawing
  private let sizes: [Size]
  private var levels: [Level]
  /// The widest label of the arrows from a node to itself.
  private var loopLabels: [Int: Double] = [:]
  private var outside: Int { drawing.groups.count }

  init(_ drawing: Drawing) {
    self.drawing = drawing
    sizes = drawing.nodes.map(Outline.size)
    levels = Array(repeating: Level(), count: drawing.groups.count + 1)
    for edge in drawing.edges where edge.from == edge.to {
      guard case .node(let index) = edge.from else { continue }
      loopLabels[index] = max(loopLabels[index] ?? 0, TextMetrics.size(edge.label).width)
    }
    for index in drawing.nodes.indices { levels[level(of: .node(index))].members.append(.node(index)) }
    for index in drawing.groups.indices { levels[level(of: .group(index))].members.append(.group(index)) }
  }

  mutating func build() -> DrawingLayout {
    splitEdges()
    setDirections()
    for level in drawing.groups.indices.reversed() { layOut(level) }
    layOut(outside)
    return assemble()
  }

  /// The level that an end stands on.
  private func level(of end: Drawing.End) -> Int {
    switch end {
    case .node(let index): drawing.nodes[index].group ?? outside
    case .group(let index): drawing.groups[index].parent ?? outside
    }
  }

  /// An end and the groups around it, from the inside.
  private func chain(_ end: Drawing.End) -> [Drawing.End] {
    var chain = [end]
    var level = level(of: end)
    while level != outside, chain.count <= drawing.groups.count + 1 {
      chain.append(.group(level))
      level = self.level(of: .group(level))
    }
    return chain
  }

  // MARK: Edges to parts

  /// Each edge is a part on the level that holds both its ends, and one in every group that it enters or leaves.
  private mutating func splitEdges() {
    var meeting: [(edge: Int, from: Drawing.End, to: Drawing.End, level: Int)] = []
    for (index, edge) in drawing.edges.enumerated() where edge.from != edge.to {
      let (from, to) = (chain(edge.from), chain(edge.to))
      if let inside = from.firstIndex(of: edge.to) {
        // From inside of a group to the group itself.
        addParts(index, from[..<inside], isOut: true, isReversed: false)
      } else if let inside = to.firstIndex(of: edge.from) {
        addParts(index, to[..<inside], isOut: false, isReversed: false)
      } else {
        let levels = Set(to.map(level(of:)))
        guard let a = from.first(where: { levels.contains(level(of: $0)) }),
          let b = to.first(where: { level(of: $0) == level(of: a) })
        else { continue }
        meeting.append((index, a, b, level(of: a)))
      }
    }
    for level in levels.indices {
      let edges = meeting.filter { $0.level == level }
      let reversed = backEdges(edges.map { ($0.from, $0.to) })
      for (edge, isReversed) in zip(edges, reversed) {
        levels[level].parts.append(
          Part(edge: edge.edge, from: edge.from, to: edge.to, isReversed: isReversed, hasLabel: true))
        let (from, to) = (chain(drawing.edges[edge.edge].from), chain(drawing.edges[edge.edge].to))
        addParts(edge.edge, from.prefix { $0 != edge.from }, isOut: true, isReversed: isReversed)
        addParts(edge.edge, to.prefix { $0 != edge.to }, isOut: false, isReversed: isReversed)
      }
    }
  }

  private mutating func addParts(
    _ edge: Int, _ ends: ArraySlice<Drawing.End>, isOut: Bool, isReversed: Bool
  ) {
    for end in ends {
      levels[level(of: end)].parts.append(
        Part(edge: edge, from: isOut ? end : nil, to: isOut ? nil : end, isReversed: isReversed))
    }
  }

  /// Which edges close a cycle, in the order in which the file mentions them.
  private func backEdges(_ edges: [(Drawing.End, Drawing.End)]) -> [Bool] {
    var outgoing: [Drawing.End: [Int]] = [:]
    for (index, edge) in edges.enumerated() { outgoing[edge.0, default: []].append(index) }
    var isReversed = [Bool](repeating: false, count: edges.count)
    var state: [Drawing.End: Int] = [:]
    for (root, _) in edges where state[root] == nil {
      var stack = [(end: root, next: 0)]
      state[root] = 1
      while let top = stack.last {
        let out = outgoing[top.end] ?? []
        guard top.next < out.count else {
          state[top.end] = 2
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        let to = edges[out[top.next]].1
        if state[to] == 1 { isReversed[out[top.next]] = true }
        if state[to] == nil {
          state[to] = 1
          stack.append((to, 0))
        }
      }
    }
    return isReversed
  }

  /// A group's own direction counts when no arrow passes its border, as in Mermaid.
  private mutating func setDirections() {
    levels[outside].direction = drawing.direction
    for group in drawing.groups.indices {
      let isOpen = levels[group].parts.contains { $0.from == nil || $0.to == nil }
      let around = levels[level(of: .group(group))].direction
      levels[group].direction = isOpen ? around : drawing.groups[group].direction ?? around
    }
  }

  // MARK: One level

  private mutating func layOut(_ index: Int) {
    let level = levels[index]
    let isVertical = level.direction.isVertical
    var items: [LevelItem] = []
    var itemOf: [Drawing.End: Int] = [:]
    for member in level.members {
      let size = size(of: member)
      itemOf[member] = items.count
      items.append(
        LevelItem(
          cross: isVertical ? size.width : size.height, main: isVertical ? size.height : size.width,
          isStraight: isStraight(member)))
    }
    var edges: [LevelEdge] = []
    for part in level.parts {
      let from = item(of: part.from, isOut: false, part, itemOf, &items)
      let to = item(of: part.to, isOut: true, part, itemOf, &items)
      let edge = drawing.edges[part.edge]
      var level = LevelEdge(from: from.item, to: to.item, fromOffset: from.offset, toOffset: to.offset)
      if part.hasLabel {
        level.length = edge.length
        if !edge.label.isEmpty {
          let size = TextMetrics.size(edge.label)
          level.label = isVertical ? (size.width + 12, size.height + 4) : (size.height + 4, size.width + 12)
        }
      }
      if part.isReversed {
        level = LevelEdge(
          from: level.to, to: level.from, fromOffset: level.toOffset, toOffset: level.fromOffset,
          length: level.length, label: level.label)
      }
      edges.append(level)
    }
    levels[index].layout = LevelLayout(items: items, edges: edges)
    measure(index)
    for (part, edge) in zip(level.parts, edges) where part.from == nil || part.to == nil {
      let port = part.from == nil ? part.isReversed ? edge.to : edge.from : part.isReversed ? edge.from : edge.to
      let place = place(levels[index].layout.centres[port], index)
      let size = levels[index].size
      levels[index].ports[Port(edge: part.edge, isOut: part.to == nil)] =
        isVertical ? place.x - size.width / 2 : place.y - size.height / 2
    }
  }

  /// The item of one end of a part: a member, or a new port on the border.
  private func item(
    of end: Drawing.End?, isOut: Bool, _ part: Part, _ itemOf: [Drawing.End: Int], _ items: inout [LevelItem]
  ) -> (item: Int, offset: Double?) {
    guard let end, let item = itemOf[end] else {
      items.append(LevelItem(cross: 0, main: 0, place: isOut != part.isReversed ? .lastRank : .firstRank))
      return (items.count - 1, 0)
    }
    guard case .group(let group) = end else { return (item, nil) }
    // The part leaves the group where the part inside of it ends.
    return (item, levels[group].ports[Port(edge: part.edge, isOut: !isOut)] ?? 0)
  }

  private func size(of end: Drawing.End) -> Size {
    switch end {
    case .group(let index): return levels[index].size
    case .node(let index):
      var size = sizes[index]
      // Room on both sides for arrows from the box to itself.
      if let widest = loopLabels[index] { size.width += 2 * (44 + widest) }
      return size
    }
  }

  private func isStraight(_ end: Drawing.End) -> Bool {
    guard case .node(let index) = end else { return false }
    return [.rectangle, .rounded, .subroutine, .stadium].contains(drawing.nodes[index].shape)
  }

  /// A group's box is its content with room around it and its title above.
  private mutating func measure(_ index: Int) {
    let layout = levels[index].layout
    let isVertical = levels[index].direction.isVertical
    let content = Size(
      width: isVertical ? layout.cross : layout.main, height: isVertical ? layout.main : layout.cross)
    guard index != outside else {
      levels[index].size = content
      return
    }
    let title = TextMetrics.size(drawing.groups[index].lines)
    let padding = LayoutBuilder.padding
    let width = max(content.width + 2 * padding, title.width + padding, 60)
    levels[index].size = Size(width: width, height: content.height + 2 * padding + title.height)
    levels[index].origin = Point(x: (width - content.width) / 2, y: padding + title.height)
  }

  // MARK: Assembly

  /// A point of a level's layout in its box.
  private func place(_ point: LevelLayout.Point, _ index: Int) -> Point {
    let level = levels[index]
    let main = level.layout.main
    let (x, y): (Double, Double) =
      switch level.direction {
      case .down: (point.cross, point.main)
      case .up: (point.cross, main - point.main)
      case .right: (point.main, point.cross)
      case .left: (main - point.main, point.cross)
      }
    return Point(x: level.origin.x + x, y: level.origin.y + y)
  }

  private func assemble() -> DrawingLayout {
    var result = DrawingLayout(
      nodes: drawing.nodes.count, groups: drawing.groups.count, edges: drawing.edges.count)
    let margin = LayoutBuilder.margin
    let titleHeight = drawing.title == nil ? 0 : TextMetrics.lineHeight + 16
    let titleWidth = drawing.title.map { TextMetrics.width(.init($0, .strong)) * 1.2 } ?? 0
    var width = levels[outside].size.width + 2 * margin
    if titleWidth + 2 * margin > width { width = titleWidth + 2 * margin }
    result.size = Size(width: width, height: levels[outside].size.height + 2 * margin + titleHeight)
    var corners = Array(repeating: Point(x: 0, y: 0), count: levels.count)
    corners[outside] = Point(x: (width - levels[outside].size.width) / 2, y: margin + titleHeight)
    // A group comes after the one around it.
    var inner: [[(level: Int, points: [Point])]] = Array(repeating: [], count: drawing.edges.count)
    for index in [outside] + Array(drawing.groups.indices) {
      let level = levels[index]
      func absolute(_ point: LevelLayout.Point) -> Point {
        let inside = place(point, index)
        return Point(x: corners[index].x + inside.x, y: corners[index].y + inside.y)
      }
      for (member, centre) in zip(level.members, level.layout.centres) {
        let middle = absolute(centre)
        switch member {
        case .node(let node):
          let size = sizes[node]
          result.nodes[node] = Frame(
            x: middle.x - size.width / 2, y: middle.y - size.height / 2, width: size.width, height: size.height)
        case .group(let group):
          let size = levels[group].size
          corners[group] = Point(x: middle.x - size.width / 2, y: middle.y - size.height / 2)
          result.groups[group] = Frame(
            x: corners[group].x, y: corners[group].y, width: size.width, height: size.height)
        }
      }
      for (place, part) in level.parts.enumerated() {
        let route = level.layout.routes[place].map(absolute)
        let points = part.isReversed ? route.reversed() : route
        result.isVertical[part.edge] = level.direction.isVertical
        if let label = level.layout.labels[place] { result.labels[part.edge] = absolute(label) }
        inner[part.edge].append((part.to == nil ? -1 : part.from == nil ? 1 : 0, points))
      }
    }
    for edge in drawing.edges.indices {
      // Parts came from the outside in: those before the meeting level are the other way round.
      let leaving = inner[edge].filter { $0.level == -1 }.reversed()
      let entering = inner[edge].filter { $0.level == 1 }
      let meeting = inner[edge].filter { $0.level == 0 }
      result.routes[edge] = (Array(leaving) + meeting + entering).flatMap(\.points)
    }
    return result
  }
}

extension Diagram.Direction {
  var isVertical: Bool { self == .down || self == .up }
}
