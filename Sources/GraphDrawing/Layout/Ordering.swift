// SPDX-License-Identifier: Apache-2.0
// The order of the vertices in each rank, with few crossings: barycentres, swept down and up.

extension LevelGraph {
  /// The vertices of each rank from left to right.
  func ordered() -> [[Int]] {
    let (above, below) = neighbours()
    var ranks = initialOrder(below)
    var best = ranks
    var fewest = crossings(ranks, below)
    // What takes long is a large graph, which gains little from the last sweeps.
    let sweeps = vertices.count > 4000 ? 4 : 16
    for sweep in 0..<sweeps where fewest > 0 {
      let down = sweep.isMultiple(of: 2)
      var position = positions(ranks)
      for rank in down ? Array(ranks.indices.dropFirst()) : ranks.indices.dropLast().reversed() {
        let keys = ranks[rank].map { vertex in
          let near = down ? above[vertex].map { segments[$0].upper } : below[vertex].map { segments[$0].lower }
          if near.isEmpty { return Double(position[vertex]) }
          return near.reduce(0) { $0 + Double(position[$1]) } / Double(near.count)
        }
        // Equal keys keep their order on even rounds and swap on odd ones, which leaves local minima.
        let flips = sweep % 4 >= 2
        let order = ranks[rank].indices.sorted {
          keys[$0] != keys[$1] ? keys[$0] < keys[$1] : flips ? $0 > $1 : $0 < $1
        }
        ranks[rank] = order.map { ranks[rank][$0] }
        for (place, vertex) in ranks[rank].enumerated() { position[vertex] = place }
      }
      let count = crossings(ranks, below)
      if count < fewest { (fewest, best) = (count, ranks) }
    }
    return best
  }

  /// Depth first from the items in their order, so that what belongs together starts together.
  private func initialOrder(_ below: [[Int]]) -> [[Int]] {
    var ranks = [[Int]](repeating: [], count: rankCount)
    var seen = [Bool](repeating: false, count: vertices.count)
    for root in items.indices {
      var stack = [root]
      while let vertex = stack.popLast() {
        if seen[vertex] { continue }
        seen[vertex] = true
        ranks[vertices[vertex].rank].append(vertex)
        stack += below[vertex].reversed().map { segments[$0].lower }
      }
    }
    return ranks
  }

  private func positions(_ ranks: [[Int]]) -> [Int] {
    var position = [Int](repeating: 0, count: vertices.count)
    for rank in ranks { for (place, vertex) in rank.enumerated() { position[vertex] = place } }
    return position
  }

  /// Crossings between neighbouring ranks: inversions, counted with a binary indexed tree.
  private func crossings(_ ranks: [[Int]], _ below: [[Int]]) -> Int {
    let position = positions(ranks)
    var total = 0
    for rank in ranks.indices.dropLast() {
      var tree = [Int](repeating: 0, count: ranks[rank + 1].count + 1)
      var seen = 0
      for vertex in ranks[rank] {
        let ends = below[vertex].map { position[segments[$0].lower] }
        for end in ends {
          var index = end + 1
          var before = 0
          while index > 0 {
            before += tree[index]
            index -= index & -index
          }
          total += seen - before
        }
        for end in ends {
          var index = end + 1
          while index < tree.count {
            tree[index] += 1
            index += index & -index
          }
        }
        seen += ends.count
      }
    }
    return total
  }
}
