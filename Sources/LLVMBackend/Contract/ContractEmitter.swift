// SPDX-License-Identifier: Apache-2.0
// Contractions: panels of columns outside, tiles of rows inside, sums in registers, then the epilogue.

import KernelIR
import TensorCore

extension KernelEmitter {
  func emitContract(_ contract: Contract) {
    guard lanes == nil else { return fail("a contraction inside a vector loop") }
    guard contract.tile.rows > 0, contract.tile.columns > 0, contract.tile.unroll > 0 else {
      return fail("a contraction with the tile \(contract.tile.rows) x \(contract.tile.columns)")
    }
    guard contract.accumulators.count == 1 || contract.bIsPacked else {
      return fail("groups of columns without a packed B")
    }
    guard let a = buffer(contract.a), let b = buffer(contract.b) else { return }
    guard !contract.bIsInterleaved || (Contract.stepsTogether(a.dtype, b.dtype) != nil && contract.bIsPacked) else {
      return fail("interleaved steps of '\(a.dtype)' and '\(b.dtype)'")
    }
    guard a.dtype.bits >= 8, b.dtype.bits >= 8, a.dtype != .bool, b.dtype != .bool else {
      return fail("a contraction of '\(a.dtype)' and '\(b.dtype)'")
    }
    guard [.f32, .f64, .i32].contains(contract.sumType) else {
      return fail("a contraction that sums in '\(contract.sumType)'")
    }
    ContractEmitter(self, contract, a, b).emitPanels()
  }
}

/// Emits one contraction.
struct ContractEmitter {
  let emitter: KernelEmitter
  let contract: Contract
  let a: KernelEmitter.Buffer
  let b: KernelEmitter.Buffer
  /// Lanes of a register of sums.
  let lanes: Int
  let depth: [Depth]
  /// Elements of one packed panel.
  private let panelStride: Value
  /// How many steps of the innermost depth are taken with one instruction, or one after the other where there is none.
  let together: Int

  /// One loop of the depth, its numbers already emitted.
  struct Depth {
    var extent: Value
    var aStride: Value
    var bStride: Value
  }

  /// Some columns of a panel, in one register.
  struct ColumnVector {
    /// From the panel's first column.
    var offset: Int
    var lanes: Int
    /// Lanes that are columns of the result, if not all.
    var mask: Value?
    /// Whether the other lanes are outside of B.
    var masksLoads: Bool
  }

  /// The tile's loops have axes of their own, which no kernel has.
  private static let panelAxis = Axis(id: -1, name: "panel")
  private static let tileAxis = Axis(id: -2, name: "tile")

  var builder: Builder { emitter.b }

  init(_ emitter: KernelEmitter, _ contract: Contract, _ a: KernelEmitter.Buffer, _ b: KernelEmitter.Buffer) {
    self.emitter = emitter
    self.contract = contract
    self.a = a
    self.b = b
    lanes = emitter.b.target.lanes(bits: contract.sumType.bits)
    let axes = Self.merged(contract)
    let builder = emitter.b
    let isHalf = a.dtype == .bf16 && b.dtype == .bf16 && contract.sumType == .f32
    let isTogether = contract.bIsInterleaved || isHalf && builder.target.hasPairProducts
    together = isTogether ? Contract.stepsTogether(a.dtype, b.dtype) ?? 1 : 1
    var depth = axes.map {
      Depth(extent: emitter.emit($0.extent), aStride: emitter.emit($0.aStride), bStride: emitter.emit($0.bStride))
    }
    var stride = builder.int(contract.tile.columns * contract.accumulators.count)
    if contract.bIsPacked {
      for index in depth.indices.reversed() {
        depth[index].bStride = stride
        var extent = depth[index].extent
        if contract.bIsInterleaved && index == depth.count - 1 {
          extent = builder.and(builder.addNoWrap(extent, builder.int(together - 1)), builder.int(-together))
        }
        stride = builder.mulNoWrap(stride, extent)
      }
    }
    panelStride = stride
    self.depth = depth
  }

  /// The depth with neighbouring axes that both operands walk as one made one; at least one axis.
  private static func merged(_ contract: Contract) -> [DepthAxis] {
    // Side by side are steps of the innermost axis as it is.
    if contract.bIsInterleaved { return contract.depth }
    var merged: [DepthAxis] = []
    for axis in contract.depth where axis.extent.integerValue != 1 {
      if let outer = merged.last, outer.aStride == axis.extent * axis.aStride,
        contract.bIsPacked || outer.bStride == axis.extent * axis.bStride
      {
        merged[merged.count - 1] = DepthAxis(
          extent: outer.extent * axis.extent, aStride: axis.aStride, bStride: axis.bStride)
      } else {
        merged.append(axis)
      }
    }
    return merged.isEmpty ? [DepthAxis(extent: .int(1), aStride: .int(0), bStride: .int(0))] : merged
  }

  // MARK: Panels

  func emitPanels() {
    let outer = (emitter.axes[contract.rowAxis.id], emitter.axes[contract.columnAxis.id])
    defer { (emitter.axes[contract.rowAxis.id], emitter.axes[contract.columnAxis.id]) = outer }
    let width = contract.tile.columns
    let columns = emitter.emit(contract.columns)
    let bOffset = emitter.emit(contract.bOffset)
    if let constant = builder.constant(columns).map({ Int(clamping: $0) }) {
      if constant <= 0 { return }
      let full = constant / width
      forEachPanel(builder.int(full), isEntered: full > 0) { panel in
        emitPanel(panel, bOffset, vectors(width, inPanel: width))
      }
      let rest = constant % width
      if rest > 0 { emitPanel(builder.int(full), bOffset, vectors(rest, inPanel: width)) }
      return
    }
    // Signed division is exact enough here: a negative count has no panel.
    let full = builder.sdiv(columns, builder.int(width))
    let rest = builder.sub(columns, builder.mulNoWrap(full, builder.int(width)))
    forEachPanel(full, isEntered: false) { panel in emitPanel(panel, bOffset, vectors(width, inPanel: width)) }
    builder.branch(builder.compare(.sgt, rest, builder.int(0)), then: {
      emitter.framed(.conditional) {
        let vectors = vectors(width, inPanel: width).map { vector -> ColumnVector in
          var vector = vector
          let remaining = builder.sub(rest, builder.int(vector.offset))
          vector.mask = emitter.remainderMask(remaining, vector.lanes)
          vector.masksLoads = vector.masksLoads || !contract.bIsPacked
          return vector
        }
        emitPanel(full, bOffset, vectors, isRest: true)
      }
    })
  }

  private func forEachPanel(_ count: Value, isEntered: Bool, _ body: (Value) -> Void) {
    emitter.countedLoop(Self.panelAxis, from: builder.int(0), to: count, step: 1, isEntered: isEntered) {
      body(emitter.emit(.axis(Self.panelAxis)))
    }
  }

  /// The registers of a panel's first `count` columns. The last one may have fewer lanes; a packed panel is padded, so
  /// that only what is beyond its width must not be read.
  private func vectors(_ count: Int, inPanel width: Int) -> [ColumnVector] {
    stride(from: 0, to: count, by: lanes).map { offset in
      let active = min(lanes, count - offset)
      var size = lanes
      while size / 2 >= max(active, together > 1 ? 4 : 1) { size /= 2 }
      if active == size { return ColumnVector(offset: offset, lanes: size, mask: nil, masksLoads: false) }
      let mask = builder.ints((0..<size).map { $0 < active ? 1 : 0 }, .i1)
      let isPadded = contract.bIsPacked && offset + size <= width
      return ColumnVector(offset: offset, lanes: size, mask: mask, masksLoads: !isPadded)
    }
  }

  /// A rest whose size is known at run time only has fewer kinds of tiles, since each is code to be compiled.
  private func emitPanel(_ panel: Value, _ bOffset: Value, _ vectors: [ColumnVector], isRest: Bool = false) {
    let columnBase = builder.mulNoWrap(panel, builder.int(contract.tile.columns))
    var start = columnBase
    if contract.bIsPacked { start = builder.mulNoWrap(panel, panelStride) }
    let pointer = builder.address(
      b.pointer, builder.addNoWrap(bOffset, start), ValueType(emitter.storage(b.dtype)))
    emitRows(limitedOnly: isRest) { rowBase, height, limit in
      ContractTile(
        contraction: self, columnBase: columnBase, vectors: vectors, bPointer: pointer, rowBase: rowBase,
        height: height, rowLimit: limit
      ).emit()
    }
  }

  // MARK: Rows

  /// Runs `body` with the first row and height of every tile. The rows of the last tile may go beyond the limit, when
  /// there is one.
  private func emitRows(limitedOnly: Bool, _ body: (_ rowBase: Value, _ height: Int, _ limit: Value?) -> Void) {
    let rows = emitter.emit(contract.rows)
    func tiles(_ from: Value, _ to: Value, height: Int, isEntered: Bool, limit: Value? = nil) {
      emitter.countedLoop(Self.tileAxis, from: from, to: to, step: height, isEntered: isEntered) {
        body(emitter.emit(.axis(Self.tileAxis)), height, limit)
      }
    }
    let most = contract.tile.rows
    if let constant = builder.constant(rows).map({ Int(clamping: $0) }) {
      if constant <= 0 { return }
      // As even as possible: some tiles of a height, the others one row lower.
      let count = (constant - 1) / most + 1
      let height = (constant - 1) / count + 1
      let high = constant - (height - 1) * count
      let split = builder.int(high * height)
      tiles(builder.int(0), split, height: height, isEntered: true)
      if high < count { tiles(split, rows, height: height - 1, isEntered: true) }
      return
    }
    var full = builder.int(0)
    if !limitedOnly || most == 1 {
      full = builder.mulNoWrap(builder.sdiv(rows, builder.int(most)), builder.int(most))
      tiles(builder.int(0), full, height: most, isEntered: false)
    }
    if most > 1 { tiles(full, rows, height: min(most, 4), isEntered: false, limit: rows) }
  }
}
