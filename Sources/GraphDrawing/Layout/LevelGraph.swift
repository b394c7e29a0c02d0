// SPDX-License-Identifier: Apache-2.0
// One level of a drawing as a layered graph: ranks, and stand-ins where an arrow passes a rank.
//
// Coordinates here are `cross`, along a rank, and `main`, from rank to rank; the caller turns them into x and y.

/// A box, a whole group or a port of one level.
struct LevelItem {
  /// Ports lie on the border before the first rank or after the last one.
  enum Place { case inside, firstRank, lastRank }

  var cross: Double
  var main: Double
  var place = Place.inside
  /// Arrows may arrive side by side, as the border there is straight.
  var isStraight = false
}

/// An arrow between two items, from a lower to a higher rank.
struct LevelEdge {
  var from: Int
  var to: Int
  /// Where it meets the items, from their centres; nil where it is free to choose.
  var fromOffset: Double?
  var toOffset: Double?
  var length = 1
  /// The label's size in cross and main; an arrow with a label has a rank for it.
  var label: (cross: Double, main: Double)?
}

/// A graph without cycles, put into ranks.
struct LevelGraph {
  struct Vertex {
    var rank: Int
    var cross: Double
    var main: Double
    /// Nil for a stand-in.
    var item: Int?
  }

  /// One step of an arrow, between neighbouring ranks.
  struct Segment {
    var upper: Int
    var lower: Int
    var upperOffset: Double
    var lowerOffset: Double
  }

  /// Stand-ins beyond this are left out, and long arrows go straight.
  private static let dummyLimit = 100_000

  let items: [LevelItem]
  let edges: [LevelEdge]
  /// Items first, in their order.
  private(set) var vertices: [Vertex] = []
  private(set) var segments: [Segment] = []
  /// The vertices of each edge, from its first item to its last.
  private(set) var chains: [[Int]] = []
  /// The stand-in of each edge that holds its label.
  private(set) var labelVertices: [Int?] = []
  private(set) var rankCount = 0

  init(items: [LevelItem], edges: [LevelEdge]) {
    self.items = items
    self.edges = edges
    let ranks = rankItems()
    rankCount = (ranks.max() ?? -1) + 1
    vertices = zip(items, ranks).enumerated().map { index, pair in
      Vertex(rank: pair.1, cross: pair.0.cross, main: pair.0.main, item: index)
    }
    for edge in edges { addChain(edge) }
  }

  private func span(_ edge: LevelEdge) -> Int { max(edge.length, edge.label == nil ? 1 : 2) }

  /// Longest paths from the sources; sources come down to what they lead to.
  private func rankItems() -> [Int] {
    let hasFirst = items.contains { $0.place == .firstRank }
    var ranks = items.map { $0.place == .firstRank || !hasFirst ? 0 : 1 }
    var waiting = [Int](repeating: 0, count: items.count)
    var outgoing = [[Int]](repeating: [], count: items.count)
    for (index, edge) in edges.enumerated() {
      waiting[edge.to] += 1
      outgoing[edge.from].append(index)
    }
    let isSource = waiting.map { $0 == 0 }
    var ready = items.indices.filter { isSource[$0] }
    var next = 0
    while next < ready.count {
      for edge in outgoing[ready[next]] {
        ranks[edges[edge].to] = max(ranks[edges[edge].to], ranks[edges[edge].from] + span(edges[edge]))
        waiting[edges[edge].to] -= 1
        if waiting[edges[edge].to] == 0 { ready.append(edges[edge].to) }
      }
      next += 1
    }
    for item in ready.reversed() where isSource[item] && items[item].place == .inside {
      let lowest = outgoing[item].map { ranks[edges[$0].to] - span(edges[$0]) }.min()
      if let lowest { ranks[item] = max(ranks[item], lowest) }
    }
    let last = (ranks.max() ?? 0) + (items.contains { $0.place == .lastRank } ? 1 : 0)
    for item in items.indices where items[item].place == .lastRank { ranks[item] = max(last, ranks[item]) }
    return ranks
  }

  private mutating func addChain(_ edge: LevelEdge) {
    var chain = [edge.from]
    let (first, last) = (vertices[edge.from].rank, vertices[edge.to].rank)
    var labelVertex: Int?
    if last - first > 1, vertices.count + last - first < LevelGraph.dummyLimit {
      let middle = (first + last) / 2
      for rank in first + 1..<last {
        let label = rank == middle ? edge.label : nil
        if label != nil { labelVertex = vertices.count }
        chain.append(vertices.count)
        vertices.append(Vertex(rank: rank, cross: label?.cross ?? 0, main: label?.main ?? 0, item: nil))
      }
    }
    chain.append(edge.to)
    for (upper, lower) in zip(chain, chain.dropFirst()) {
      segments.append(
        Segment(
          upper: upper, lower: lower, upperOffset: upper == edge.from ? edge.fromOffset ?? 0 : 0,
          lowerOffset: lower == edge.to ? edge.toOffset ?? 0 : 0))
    }
    chains.append(chain)
    labelVertices.append(labelVertex)
  }

  /// For each vertex, the segments that come from the rank above, and those that go to the one below.
  func neighbours() -> (above: [[Int]], below: [[Int]]) {
    var above = [[Int]](repeating: [], count: vertices.count)
    var below = above
    for (index, segment) in segments.enumerated() {
      above[segment.lower].append(index)
      below[segment.upper].append(index)
    }
    return (above, below)
  }
}
