// SPDX-License-Identifier: Apache-2.0
// What decides how fast a register tile is, and the tiles that are worth a measurement.

import KernelIR
import TensorCore

/// A contraction as a register tile sees it. Equal shapes want equal tiles.
package struct ContractionShape: Hashable, Sendable {
  /// Nil where known at run time only; columns are those of one group.
  package var rows: Int?
  package var columns: Int?
  package var groups: Int
  /// The extents of the depth axes, outermost first: one for a product, three for a convolution.
  package var depth: [Int?]
  /// How far apart neighbouring rows of A are, in elements.
  package var rowStride: Int?
  package var a: DType
  package var b: DType
  package var accumulator: DType
  /// How B is read: packed ahead of time, packed by each thread, or as it is.
  package var layout: Layout
  /// Elements of the accumulator's type in a vector register.
  package var lanes: Int
  package var registers: Int

  package enum Layout: String, Hashable, Sendable { case packed, packedPerThread, plain }

  /// All of it as text: a name for caches.
  package var description: String {
    func text(_ size: Int?) -> String { size.map { "\($0)" } ?? "?" }
    return "\(text(rows)) x \(text(columns)) groups \(groups) depth \(depth.map(text).joined(separator: ",")) "
      + "stride \(text(rowStride)) \(a) \(b) \(accumulator) \(layout.rawValue) lanes \(lanes) registers \(registers)"
  }

  /// The tile by rule.
  package var ruledTile: Contract.Tile {
    let whole = depth.reduce(Optional(1)) { product, extent in
      guard let product, let extent else { return nil }
      let (result, overflow) = product.multipliedReportingOverflow(by: extent)
      return overflow ? nil : result
    }
    return .choose(
      rows: rows, columns: columns, groups: groups, depth: whole, lanes: lanes, registers: registers)
  }

  /// Tiles that may be faster than the rule's, which comes first: heights and widths whose sums fit the registers
  /// beside a row of B and one of A and are enough to hide the latency of the multiply-adds, then other unrollings.
  package var tiles: [Contract.Tile] {
    let rule = ruledTile
    var tiles = [rule]
    let vectors = columns.map { max(1, ($0 - 1) / lanes + 1) }
    let most = registers - 2
    for width in [1, 2, 3, 4, 5, 6, 8] where width <= vectors ?? 8 && width * groups <= 8 {
      let panel = width * groups
      // Sums, a row of B, one element of A.
      let highest = min((most - panel) / panel, rows ?? 14, 14)
      guard highest >= 1 else { continue }
      var heights = [highest]
      if let rows {
        // Heights that leave no remainder, or little.
        if let divisor = (1...highest).last(where: { rows % $0 == 0 }) { heights.append(divisor) }
        let count = (rows - 1) / highest + 1
        heights.append((rows - 1) / count + 1)
      } else {
        heights += [8, 6, 4].filter { $0 <= highest }
      }
      for height in heights where height * panel >= min(6, most / 4) || height == rows {
        tiles.append(Contract.Tile(rows: height, columns: width * lanes, unroll: rule.unroll))
      }
    }
    for unroll in [1, 2, 8] where unroll != rule.unroll {
      tiles.append(Contract.Tile(rows: rule.rows, columns: rule.columns, unroll: unroll))
    }
    var seen: Set<Contract.Tile> = []
    return tiles.filter { seen.insert($0).inserted }
  }
}
