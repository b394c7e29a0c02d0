// SPDX-License-Identifier: Apache-2.0
// Statements: loops, locals, stores, and the contraction micro-kernel.

import TensorCore

/// How a loop runs.
package enum LoopMode: Hashable, Sendable {
  case serial
  /// The whole body is repeated at compile time; the extent must be a constant of at most 64.
  case unrolled
  /// Consecutive iterations in vector lanes, `unroll` vectors at a time (independent accumulators for reductions),
  /// remainders masked. The number of lanes follows the processor. Iterations must not depend on each other except
  /// through `accumulate`.
  case vector(unroll: Int)
}

/// A loop over `0..<extent`.
package struct Loop: Sendable, Hashable {
  package var axis: Axis
  package var extent: Expr
  package var mode: LoopMode
  package var body: [Statement]

  package init(_ axis: Axis, _ extent: Expr, _ mode: LoopMode = .serial, _ body: [Statement]) {
    self.axis = axis
    self.extent = extent
    self.mode = mode
    self.body = body
  }
}

package indirect enum Statement: Sendable, Hashable {
  case loop(Loop)
  /// Defines a local that is never updated.
  case define(Local, Expr)
  /// Defines a local that `assign` and `accumulate` may update.
  case variable(Local, Expr)
  case assign(Local, Expr)
  /// `local = combine(local, value)`; inside vector loops each lane has its own partial result, and these are
  /// combined in a fixed order at the loop's end.
  case accumulate(Local, Combiner, Expr)
  /// Keeps the largest (`max`) or smallest value seen and the index where it was first seen (or last, for ties).
  /// NaN counts as larger than everything for `max` and smaller for `min`, as in numpy.
  case accumulateIndex(value: Local, index: Local, Combiner, Expr, at: Expr, lastIndex: Bool)
  /// Stores a value (of the buffer's compute type) unless the guard is false.
  case store(buffer: Int, offset: Expr, value: Expr, guard: Expr?)
  /// Asks for an element that is read later, where fetching it ahead pays. The offset may be outside of the buffer; it
  /// reads no memory itself.
  case prefetch(buffer: Int, offset: Expr)
  case branch(Expr, then: [Statement], else: [Statement])
  /// Runs the body while the condition holds; its condition reads variables. Not inside vector loops.
  case repeatWhile(Expr, [Statement])
  case contract(Contract)
}

/// One axis of a contraction's depth: Σ over `0..<extent`, moving both operands by their strides (in elements).
package struct DepthAxis: Sendable, Hashable {
  package var extent: Expr
  package var aStride: Expr
  /// Ignored for a packed B, whose depth is contiguous by panels in the order of the axes.
  package var bStride: Expr
  package init(extent: Expr, aStride: Expr, bStride: Expr) {
    self.extent = extent
    self.aStride = aStride
    self.bStride = bStride
  }
}

/// `acc[m, n] = Σ_k A[m, k] · B[k, n]` over rows `0..<rows` and columns `0..<columns`, in register tiles, followed by
/// the epilogue for every element: the one mechanism for dense layers, batched products and convolutions.
///
/// The rows of A are addressed by `aOffset` (an expression over `rowAxis` and the enclosing axes); each depth axis
/// adds its stride. B is either packed, `[panel][depth][panelWidth]` with zero-padded last panel, starting at
/// `bOffset`, or has element offset `bOffset + Σ k·bStride + n` (columns are contiguous).
/// The sum runs over the depth in order, so the bits do not depend on the tile.
///
/// With several accumulators the same rows are multiplied by as many groups of columns at once, and the epilogue sees
/// the sums of column `n` of every group: the gates of a recurrent cell, the two halves of a gated layer. B is packed
/// then, `[panel][depth][group][panelWidth]`; `columns` and `tile.columns` are those of one group.
///
/// Two steps of the depth of bf16 operands, or four of 8-bit integers, may be multiplied with one instruction (for bf16
/// it rounds otherwise than two multiply-adds and takes subnormal numbers for 0). A packed B may have so many steps `s`
/// of the innermost axis side by side, `[panel][outer depth][⌈inner depth / s⌉][group][panelWidth][s]`, the last ones
/// filled up with zeros.
package struct Contract: Sendable, Hashable {
  package struct Tile: Sendable, Hashable {
    /// Rows of a register tile.
    package var rows: Int
    /// Columns of a register tile in each group and width of a packed panel; a multiple of the vector length is best.
    package var columns: Int
    /// Depth steps, or those that one instruction takes, per iteration of the innermost loop.
    package var unroll: Int
    /// Whether what comes next of a packed B is fetched while it is not needed yet, because it is not in a near cache.
    package var prefetches = false
    package init(rows: Int, columns: Int, unroll: Int = 4, prefetches: Bool = false) {
      self.rows = rows
      self.columns = columns
      self.unroll = unroll
      self.prefetches = prefetches
    }
  }

  package var rows: Expr
  package var columns: Expr
  package var depth: [DepthAxis]
  package var rowAxis: Axis
  package var columnAxis: Axis
  package var a: Int
  package var aOffset: Expr
  package var b: Int
  package var bOffset: Expr
  package var bIsPacked: Bool
  /// A packed B has as many steps of its innermost depth side by side as `stepsTogether` says.
  package var bIsInterleaved: Bool
  package var tile: Tile
  /// For each group of columns the sum at (rowAxis, columnAxis), all of one compute type: f32, f64 or i32; read by the
  /// epilogue.
  package var accumulators: [Local]
  /// Statements without loops, run for every element; vectors of columns at a time.
  package var epilogue: [Statement]

  package init(
    rows: Expr, columns: Expr, depth: [DepthAxis], rowAxis: Axis, columnAxis: Axis, a: Int, aOffset: Expr, b: Int,
    bOffset: Expr, bIsPacked: Bool, bIsInterleaved: Bool = false, tile: Tile, accumulators: [Local], epilogue: [Statement]
  ) {
    self.rows = rows
    self.columns = columns
    self.depth = depth
    self.rowAxis = rowAxis
    self.columnAxis = columnAxis
    self.a = a
    self.aOffset = aOffset
    self.b = b
    self.bOffset = bOffset
    self.bIsPacked = bIsPacked
    self.bIsInterleaved = bIsInterleaved
    self.tile = tile
    self.accumulators = accumulators
    self.epilogue = epilogue
  }

  /// The most groups of columns.
  package static let mostGroups = 8

  /// How many steps of the depth one instruction may multiply; nil for operands that are multiplied one by one.
  package static func stepsTogether(_ a: DType?, _ b: DType?) -> Int? {
    if a == .bf16, b == .bf16 { return 2 }
    let bytes: [DType?] = [.i8, .u8]
    return bytes.contains(a) && bytes.contains(b) ? 4 : nil
  }

  /// The type of the sums.
  package var sumType: DType { accumulators.first?.dtype ?? .f32 }
}
