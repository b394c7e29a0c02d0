// SPDX-License-Identifier: Apache-2.0
// Fetching what comes next of a packed B while a tile is computed.

import KernelIR
import TensorCore

/// A panel is read again for every tile of rows, from the second-level cache after the first. So each tile fetches its
/// share of the next panel, which follows in memory; after a contraction's last panel that is what the next one reads.
/// With one tile of rows nothing is read twice, and what is fetched is a little ahead.
struct ContractPrefetch {
  private let tile: ContractTile
  private let elementsPerStep: Int
  private let elementsPerLine: Int
  private let panel: Int
  private let rows: Int
  private let tiles: Int

  /// How far ahead a single tile of rows fetches, in bytes.
  private static let distance = 4096
  private static let lineByteCount = 64

  /// Nil where nothing is to be fetched; `steps` of the depth are computed at a time.
  init?(_ tile: ContractTile, steps: Int) {
    let contract = tile.contract
    guard contract.tile.prefetches, contract.bIsPacked, let rows = tile.mostRows, rows > 0 else { return nil }
    var depth = 1
    for axis in tile.contraction.depth {
      guard let extent = tile.builder.constant(axis.extent) else { return nil }
      depth *= Int(extent)
    }
    let width = contract.tile.columns * contract.accumulators.count
    self.tile = tile
    self.rows = rows
    tiles = (rows - 1) / contract.tile.rows + 1
    elementsPerStep = width * steps
    elementsPerLine = Self.lineByteCount / max(1, tile.contraction.b.dtype.bits / 8)
    panel = depth * width
  }

  /// `offset` is where the step's elements of B start in the panel.
  func emit(at offset: Value) {
    let b = tile.builder
    let element = ValueType(tile.emitter.storage(tile.contraction.b.dtype))
    let lines = (elementsPerStep - 1) / elementsPerLine + 1
    if tiles == 1 {
      let ahead = Self.distance / Self.lineByteCount * elementsPerLine
      let start = b.address(tile.bPointer, offset, element)
      for line in 0..<lines { b.prefetch(b.address(start, ahead + line * elementsPerLine, element), near: true) }
      return
    }
    let share = (lines - 1) / tiles + 1
    let first = b.sdiv(b.mulNoWrap(tile.rowBase, b.int(panel)), b.int(rows))
    let done = b.mulNoWrap(b.sdiv(offset, b.int(elementsPerStep)), b.int(share * elementsPerLine))
    let start = b.address(tile.bPointer, b.addNoWrap(b.addNoWrap(first, done), b.int(panel)), element)
    for line in 0..<share { b.prefetch(b.address(start, line * elementsPerLine, element), near: false) }
  }
}
