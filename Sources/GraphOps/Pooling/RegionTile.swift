// SPDX-License-Identifier: Apache-2.0
// What the loops of pooled regions share.

import GraphIR
import KernelIR
import TensorCore

extension LoopContext {
  /// Makes a tile one channel of one of `count` regions.
  mutating func regionTile(_ count: Dim, channels: Dim) -> (tile: Expr, region: Expr, channel: Expr) {
    tileCount = count * channels
    let (tile, width) = (Expr.axis(tileAxis), size(channels))
    return (tile, .floorDiv(tile, width), .mod(tile, width))
  }

  /// Computes a value once, in a statement of its own.
  mutating func define(_ name: String, _ value: Expr, in statements: inout [Statement]) -> Expr {
    let local = local(name, value.dtype)
    statements.append(.define(local, value))
    return .local(local)
  }
}
