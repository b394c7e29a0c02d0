// SPDX-License-Identifier: Apache-2.0
// The register tile of a contraction, by shape.

extension Contract.Tile {
  /// The tile for a contraction of these sizes (nil where known at run time only) on a processor with vectors of
  /// `lanes` elements of the accumulator's type and this many vector registers.
  ///
  /// A tile of r rows and c vectors needs r · c accumulators, c vectors of B and one broadcast; 24 accumulators of 32
  /// registers, and 12 of 16, leave room, and 8 hide the latency of the multiply-adds. Beyond that a good tile loads
  /// little per multiply-add, divides the columns, and has a height that divides the rows.
  ///
  /// Columns are those of one group; a tile has the same columns of all groups.
  package static func choose(
    rows: Int?, columns: Int?, groups: Int = 1, depth: Int?, lanes: Int, registers: Int
  ) -> Contract.Tile {
    let budget = registers >= 32 ? 24 : 12
    let vectors = columns.map { max(1, $0 / lanes + ($0 % lanes == 0 ? 0 : 1)) }
    if groups > 1 {
      return grouped(rows: rows, vectors: vectors, groups: groups, depth: depth, lanes: lanes, budget: budget)
    }
    if rows == 1 { return single(vectors, depth: depth, lanes: lanes, registers: registers) }
    let width = panelVectors(rows: rows, vectors: vectors, budget: budget)
    var height = max(1, min(rows ?? budget, budget / width))
    // More rows of one vector spill: their broadcasts become operands in memory.
    if width == 1 { height = min(height, budget / 2 + 2) }
    // Unknown rows leave a remainder more often; a lower tile wastes less on it.
    guard let rows else { return Contract.Tile(rows: min(height, 8), columns: width * lanes, unroll: unroll(4, depth)) }
    let enough = registers >= 32 ? 12 : 8
    height = balanced(rows, height, divisible: { $0 * width >= enough })
    return Contract.Tile(rows: height, columns: width * lanes, unroll: unroll(4, depth))
  }

  /// One row is bound by the bandwidth of B: many vectors, and at most 16 of them loaded in one iteration, which the
  /// prefetchers follow best.
  private static func single(_ vectors: Int?, depth: Int?, lanes: Int, registers: Int) -> Contract.Tile {
    let most = 8
    let width: Int
    if let vectors {
      // The widest panel that leaves no narrower one, unless that is much narrower.
      let divisor = (1...most).last { vectors % $0 == 0 } ?? 1
      width = vectors <= most ? vectors : divisor >= 4 ? divisor : most
    } else {
      width = 4
    }
    return Contract.Tile(rows: 1, columns: width * lanes, unroll: unroll(max(1, 16 / width), depth))
  }

  /// One vector of every group, or as many as one row takes and as keep enough sums of two groups.
  private static func grouped(
    rows: Int?, vectors: Int?, groups: Int, depth: Int?, lanes: Int, budget: Int
  ) -> Contract.Tile {
    let most = rows == 1 ? 8 / groups : groups == 2 && (rows ?? 8) <= 6 && budget >= 24 ? 2 : 1
    let width = (1...max(1, most)).last { (vectors ?? 1) % $0 == 0 } ?? 1
    let panel = width * groups
    if rows == 1 { return Contract.Tile(rows: 1, columns: width * lanes, unroll: unroll(max(1, 16 / panel), depth)) }
    let highest = max(1, budget / panel)
    let height = rows.map { balanced($0, min($0, highest), divisible: { $0 * panel >= budget / 2 }) } ?? min(highest, 8)
    return Contract.Tile(rows: height, columns: width * lanes, unroll: unroll(4, depth))
  }

  /// Vectors of a panel.
  private static func panelVectors(rows: Int?, vectors: Int?, budget: Int) -> Int {
    guard let vectors else { return rows.map { $0 <= 4 ? 4 : 2 } ?? 2 }
    if budget < 24 {
      // 16 registers: 6 x 2, or 4 x 3 where the height divides the rows and the width the columns.
      if vectors == 1 { return 1 }
      if let rows, rows <= 4 { return min(vectors, rows <= 2 ? 4 : 3) }
      return vectors % 2 != 0 && vectors % 3 == 0 ? 3 : 2
    }
    if vectors <= 3 { return vectors }
    // Few rows reuse a vector of B seldom; wider panels keep enough multiply-adds in flight.
    if let rows, rows <= 6 { return vectors % 4 == 0 || vectors % 3 != 0 ? 4 : 3 }
    if vectors % 3 == 0, let rows, rows % 8 == 0 { return 3 }
    if vectors % 2 == 0 { return 2 }
    if vectors == 5 { return 5 }
    return 3
  }

  /// A height that divides the rows, so that one body of code does, if it makes a tile that is large enough; else the
  /// higher of two heights that share the rows evenly.
  private static func balanced(_ rows: Int, _ height: Int, divisible isEnough: (Int) -> Bool) -> Int {
    if let divisor = (1...height).last(where: { rows % $0 == 0 }), isEnough(divisor) { return divisor }
    let tiles = max(1, (rows - 1) / height + 1)
    return max(1, (rows - 1) / tiles + 1)
  }

  private static func unroll(_ wanted: Int, _ depth: Int?) -> Int { max(1, min(wanted, depth ?? wanted)) }
}
