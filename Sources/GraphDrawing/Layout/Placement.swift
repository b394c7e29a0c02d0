// SPDX-License-Identifier: Apache-2.0
// Where each vertex stands: near its neighbours, at a distance from those beside it.

/// Positions and routes of one level, in cross and main from 0.
struct LevelLayout {
  struct Point {
    var cross: Double
    var main: Double
  }

  /// The centres of the items.
  var centres: [Point]
  /// Along each edge, from its first item's border to its last one's.
  var routes: [[Point]]
  /// The centres of the labels.
  var labels: [Point?]
  var cross: Double
  var main: Double
}

extension LevelGraph {
  private static let rankGap = 44.0
  private static let portGap = 12.0

  func laidOut() -> LevelLayout {
    let ranks = ordered()
    let centres = placed(ranks)
    let bands = rankBands(ranks)
    let main = bands.last?.end ?? 0
    var left = Double.infinity
    var right = -Double.infinity
    for (vertex, centre) in zip(vertices, centres) {
      left = min(left, centre - vertex.cross / 2)
      right = max(right, centre + vertex.cross / 2)
    }
    if vertices.isEmpty { (left, right) = (0, 0) }
    let offsets = endOffsets(centres)
    var layout = LevelLayout(centres: [], routes: [], labels: [], cross: right - left, main: main)
    for index in items.indices {
      let band = bands[vertices[index].rank]
      layout.centres.append(.init(cross: centres[index] - left, main: (band.start + band.end) / 2))
    }
    for (index, chain) in chains.enumerated() {
      var route: [LevelLayout.Point] = []
      for (place, vertex) in chain.enumerated() {
        let band = bands[vertices[vertex].rank]
        let half = vertices[vertex].main / 2
        let middle = (band.start + band.end) / 2
        let isFirst = place == 0
        let isLast = place == chain.count - 1
        let cross = centres[vertex] - left + (isFirst ? offsets[index].from : isLast ? offsets[index].to : 0)
        route.append(.init(cross: cross, main: isFirst ? middle + half : band.start))
        route.append(.init(cross: cross, main: isLast ? middle - half : band.end))
      }
      layout.routes.append(route)
      layout.labels.append(
        labelVertices[index].map { vertex in
          let band = bands[vertices[vertex].rank]
          return .init(cross: centres[vertex] - left, main: (band.start + band.end) / 2)
        })
    }
    return layout
  }

  /// From where to where each rank reaches.
  private func rankBands(_ ranks: [[Int]]) -> [(start: Double, end: Double)] {
    var bands: [(start: Double, end: Double)] = []
    for (index, rank) in ranks.enumerated() {
      let height = rank.map { vertices[$0].main }.max() ?? 0
      let isPort = [rank, index > 0 ? ranks[index - 1] : []].contains { group in
        group.contains { vertices[$0].item.map { items[$0].place != .inside } ?? false }
      }
      let start = bands.last.map { $0.end + (isPort ? LevelGraph.portGap * 2 : LevelGraph.rankGap) } ?? 0
      bands.append((start, start + height))
    }
    return bands
  }

  /// Cross positions: each rank in turn goes as near to what its neighbours want as its order allows.
  private func placed(_ ranks: [[Int]]) -> [Double] {
    let (above, below) = neighbours()
    var centres = [Double](repeating: 0, count: vertices.count)
    for rank in ranks {
      var place = 0.0
      for (index, vertex) in rank.enumerated() {
        if index > 0 { place += distance(rank[index - 1], vertex) }
        centres[vertex] = place
      }
      for vertex in rank { centres[vertex] -= place / 2 }
    }
    let passes = vertices.count > 4000 ? 8 : 24
    for pass in 0..<passes {
      let down = pass.isMultiple(of: 2)
      let both = pass >= passes - 4
      for index in down ? Array(ranks.indices) : ranks.indices.reversed() {
        let rank = ranks[index]
        var wishes: [(place: Double, weight: Double)] = []
        for vertex in rank {
          var sum = 0.0
          var weight = 0.0
          for (isAbove, near) in [(true, above[vertex]), (false, below[vertex])] where both || isAbove == down {
            for segment in near.map({ segments[$0] }) {
              let other = isAbove ? segment.upper : segment.lower
              let shift =
                isAbove ? segment.upperOffset - segment.lowerOffset : segment.lowerOffset - segment.upperOffset
              let pull = self.pull(segment)
              sum += (centres[other] + shift) * pull
              weight += pull
            }
          }
          wishes.append(weight > 0 ? (sum / weight, weight) : (centres[vertex], 0.05))
        }
        settle(rank, wishes, &centres)
      }
    }
    return centres
  }

  /// Long arrows are straight first of all.
  private func pull(_ segment: Segment) -> Double {
    let standIns = [segment.upper, segment.lower].filter { vertices[$0].item == nil }.count
    return standIns == 2 ? 6 : standIns == 1 ? 0.4 : 2
  }

  private func distance(_ a: Int, _ b: Int) -> Double {
    let standIns = [a, b].filter { vertices[$0].item == nil }.count
    let gap = standIns == 2 ? 16.0 : standIns == 1 ? 22 : 34
    return (vertices[a].cross + vertices[b].cross) / 2 + gap
  }

  /// The places nearest to the wishes, by weighted squares, that keep order and distances: neighbours that would come
  /// too close form a block, which goes to the mean of its wishes.
  private func settle(_ rank: [Int], _ wishes: [(place: Double, weight: Double)], _ centres: inout [Double]) {
    var blocks: [(sum: Double, weight: Double, count: Int)] = []
    var offsets: [Double] = []
    for (index, vertex) in rank.enumerated() {
      offsets.append(index == 0 ? 0 : offsets[index - 1] + distance(rank[index - 1], vertex))
      let wish = wishes[index]
      blocks.append(((wish.place - offsets[index]) * wish.weight, wish.weight, 1))
      while blocks.count > 1,
        blocks[blocks.count - 2].sum / blocks[blocks.count - 2].weight
          > blocks[blocks.count - 1].sum / blocks[blocks.count - 1].weight
      {
        let last = blocks.removeLast()
        blocks[blocks.count - 1].sum += last.sum
        blocks[blocks.count - 1].weight += last.weight
        blocks[blocks.count - 1].count += last.count
      }
    }
    var index = 0
    for block in blocks {
      for _ in 0..<block.count {
        centres[rank[index]] = block.sum / block.weight + offsets[index]
        index += 1
      }
    }
  }

  /// Where edges meet their items: side by side in the order of where they come from, on a straight border.
  private func endOffsets(_ centres: [Double]) -> [(from: Double, to: Double)] {
    var offsets = edges.map { (from: $0.fromOffset ?? 0, to: $0.toOffset ?? 0) }
    var leaving = [[Int]](repeating: [], count: items.count)
    var arriving = leaving
    for (index, edge) in edges.enumerated() {
      if edge.fromOffset == nil { leaving[edge.from].append(index) }
      if edge.toOffset == nil { arriving[edge.to].append(index) }
    }
    for item in items.indices where items[item].isStraight {
      for (ends, isLeaving) in [(leaving[item], true), (arriving[item], false)] where ends.count > 1 {
        let step = min(22, items[item].cross * 0.7 / Double(ends.count))
        let sorted = ends.sorted { a, b in
          let near = [a, b].map { edge in
            let chain = chains[edge]
            return centres[isLeaving ? chain[1] : chain[chain.count - 2]]
          }
          return near[0] != near[1] ? near[0] < near[1] : a < b
        }
        for (place, edge) in sorted.enumerated() {
          let offset = (Double(place) - Double(ends.count - 1) / 2) * step
          if isLeaving { offsets[edge].from = offset } else { offsets[edge].to = offset }
        }
      }
    }
    return offsets
  }
}
