// SPDX-License-Identifier: Apache-2.0
// Parts of a level without an arrow between them stand side by side, each with its own ranks.

extension LevelLayout {
  private static let componentGap = 44.0

  /// Lays out a level.
  init(items: [LevelItem], edges: [LevelEdge]) {
    self.init(
      centres: Array(repeating: Point(cross: 0, main: 0), count: items.count),
      routes: Array(repeating: [], count: edges.count), labels: Array(repeating: nil, count: edges.count), cross: 0,
      main: 0)
    let component = LevelLayout.components(items, edges)
    var parts: [(layout: LevelLayout, members: [Int], edges: [Int])] = []
    let count = (component.max() ?? -1) + 1
    var membersOf = [[Int]](repeating: [], count: count)
    var edgesOf = membersOf
    var place: [Int] = []
    for (item, number) in component.enumerated() {
      place.append(membersOf[number].count)
      membersOf[number].append(item)
    }
    for (index, edge) in edges.enumerated() { edgesOf[component[edge.from]].append(index) }
    for (members, own) in zip(membersOf, edgesOf) {
      let graph = LevelGraph(
        items: members.map { items[$0] },
        edges: own.map { index in
          var edge = edges[index]
          (edge.from, edge.to) = (place[edge.from], place[edge.to])
          return edge
        })
      parts.append((graph.laidOut(), members, own))
    }
    main = parts.map(\.layout.main).max() ?? 0
    for part in parts {
      if cross > 0 { cross += LevelLayout.componentGap }
      // Ports at the end lie on the level's border, however short their part is.
      let reach = main - part.layout.main
      func shifted(_ point: Point) -> Point { Point(cross: point.cross + cross, main: point.main) }
      for (member, centre) in zip(part.members, part.layout.centres) {
        centres[member] = shifted(centre)
        if items[member].place == .lastRank { centres[member].main += reach }
      }
      for (index, edge) in part.edges.enumerated() {
        routes[edge] = part.layout.routes[index].map(shifted)
        if items[edges[edge].to].place == .lastRank, let last = routes[edge].indices.last {
          routes[edge][last].main += reach
        }
        labels[edge] = part.layout.labels[index].map(shifted)
      }
      cross += part.layout.cross
    }
  }

  /// A number for each item, the same for those that arrows join.
  private static func components(_ items: [LevelItem], _ edges: [LevelEdge]) -> [Int] {
    var root = Array(items.indices)
    func find(_ item: Int) -> Int {
      var item = item
      while root[item] != item {
        root[item] = root[root[item]]
        item = root[item]
      }
      return item
    }
    for edge in edges {
      let (a, b) = (find(edge.from), find(edge.to))
      if a != b { root[max(a, b)] = min(a, b) }
    }
    var numbers: [Int: Int] = [:]
    return items.indices.map { item in
      let found = find(item)
      if let number = numbers[found] { return number }
      numbers[found] = numbers.count
      return numbers.count - 1
    }
  }
}
