// SPDX-License-Identifier: Apache-2.0
// Kernels of matrix products, einsum and convolutions, on the micro-kernel.

import GraphIR
import KernelIR
import TensorCore

/// A packed B up to this size stays in the second-level cache.
private let nearByteCount = 256 << 10

/// Rows of one tile where rows are what threads share.
private let rowBlock = 96

/// Lowers a contraction with its epilogue; as plain sums where the micro-kernel does not fit.
func lowerContraction(_ region: Region, anchor: NodeID, _ contraction: ContractionLowering, _ state: LoweringState)
  -> LoweredKernel?
{
  let node = state.graph[anchor]
  // Without an element there is no tile whose index says which matrix it is in.
  let isEmpty = contraction.axes.contains { $0.role != .depth && $0.extent == 0 }
  if !isEmpty, let a = node.operands[0], let b = node.operands[1],
    let left = ContractionOperand(a, contraction.a, contraction, state),
    let right = ContractionOperand(b, contraction.b, contraction, state),
    let lowering = MatrixLowering(region, anchor, contraction, left, right, state)
  {
    return lowering.lower()
  }
  return lowerReduction(region, anchor: anchor, state)
}

/// One axis of a contraction with its strides in both operands.
private struct LoopAxis {
  /// Its number among the contraction's axes; merged axes list all, outermost first.
  var members: [Int]
  var extent: Dim
  var a: Dim
  var b: Dim
}

private struct MatrixLowering {
  let region: Region
  let anchor: NodeID
  let contraction: ContractionLowering
  let a: ContractionOperand
  let b: ContractionOperand
  let state: LoweringState
  let scope: KernelScope
  private var batch: [LoopAxis] = []
  private var row: LoopAxis
  private var column: LoopAxis
  private var depth: [LoopAxis] = []
  private let isPacked: Bool
  /// B is copied into panels in per-thread memory first, because its columns are not neighbours.
  private let packsOnTheFly: Bool
  private var graph: Graph { state.graph }

  /// Nil where the shape is better served by plain sums: no columns or nothing to sum.
  init?(
    _ region: Region, _ anchor: NodeID, _ contraction: ContractionLowering, _ a: ContractionOperand,
    _ b: ContractionOperand, _ state: LoweringState
  ) {
    let accumulates: Set<DType> = [.f32, .f64, .i32]
    guard accumulates.contains(contraction.accumulator) else { return nil }
    // Integers sum in i32 from bytes only; wider ones wrap and are plain sums.
    let widest = max(state.graph.type(a.base).dtype.bits, state.graph.type(b.base).dtype.bits)
    if contraction.accumulator == .i32, widest > 8 { return nil }
    func axes(_ role: ContractionLowering.Role) -> [LoopAxis] {
      let order = role == .depth ? Array(contraction.axes.indices) : contraction.output
      return order.filter { contraction.axes[$0].role == role && contraction.axes[$0].extent != 1 }.map {
        LoopAxis(members: [$0], extent: contraction.axes[$0].extent, a: a.strides[$0], b: b.strides[$0])
      }
    }
    var columns = axes(.column)
    var rows = MatrixLowering.merging(axes(.row)) { $0.a == $1.a * $1.extent }
    let depth = axes(.depth)
    if columns.isEmpty { return nil }
    isPacked = b.isPacked(for: contraction)
    if isPacked {
      columns = [LoopAxis(members: columns.flatMap(\.members), extent: columns.reduce(Dim(1)) { $0 * $1.extent }, a: 0, b: 0)]
    } else {
      columns = MatrixLowering.merging(columns) { $0.b == $1.b * $1.extent }
    }
    guard var column = columns.last else { return nil }
    if let groups = region.groups { column.extent = Dim(groups.columns) }
    if !isPacked, let best = columns.last(where: { $0.b == 1 }) { column = best }
    packsOnTheFly = !isPacked && column.b != 1
    // A matrix times a vector that is no constant: each result is a row's sum, better along the depth.
    if packsOnTheFly && rows.isEmpty { return nil }
    if packsOnTheFly, !(depth.allSatisfy { ($0.extent.value ?? 0) > 0 }) { return nil }
    self.column = column
    var batch = axes(.batch) + columns.filter { $0.members != column.members }
    var row = LoopAxis(members: [], extent: 1, a: 0, b: 0)
    if let last = rows.popLast() { row = last }
    // Short rows are joined with the next axis, though their distances then differ.
    while let next = rows.last, let length = row.extent.value, length < 6 || (length < 12 && length % 6 != 0), next.extent.isConstant {
      row = LoopAxis(members: next.members + row.members, extent: next.extent * row.extent, a: 0, b: 0)
      rows.removeLast()
    }
    batch += rows
    self.row = row
    self.batch = batch
    let packed = isPacked
    self.depth = MatrixLowering.merging(depth) { outer, inner in
      outer.a == inner.a * inner.extent && (packed || outer.b == inner.b * inner.extent)
    }
    if self.depth.isEmpty { self.depth = [LoopAxis(members: [], extent: 1, a: 0, b: 0)] }
    self.region = region
    self.anchor = anchor
    self.contraction = contraction
    self.a = a
    self.b = b
    self.state = state
    scope = KernelScope(state)
  }

  /// Joins neighbouring axes that memory moves through as one.
  private static func merging(_ axes: [LoopAxis], _ mayMerge: (LoopAxis, LoopAxis) -> Bool) -> [LoopAxis] {
    var result: [LoopAxis] = []
    for axis in axes {
      if let last = result.last, mayMerge(last, axis) {
        result[result.count - 1] = LoopAxis(
          members: last.members + axis.members, extent: last.extent * axis.extent, a: axis.a, b: axis.b)
      } else {
        result.append(axis)
      }
    }
    return result
  }

  /// The index of each member axis from a merged axis' position.
  private func split(_ axis: LoopAxis, _ position: Expr, into index: inout [Expr]) {
    let parts = splitOffset(position, axis.members.map { scope.size(contraction.axes[$0].extent) })
    for (member, part) in zip(axis.members, parts) { index[member] = part }
  }

  func lower() -> LoweredKernel? {
    let groupCount = region.groups?.starts.count ?? 1
    let shape = ContractionShape(
      rows: row.extent.value, columns: column.extent.value, groups: groupCount, depth: depth.map(\.extent.value),
      rowStride: row.a.value, a: graph.type(a.base).dtype, b: graph.type(b.base).dtype,
      accumulator: contraction.accumulator,
      layout: isPacked ? .packed : packsOnTheFly ? .packedPerThread : .plain,
      lanes: contraction.accumulator == .f64 ? state.options.target.lanes / 2 : state.options.target.lanes,
      registers: state.options.target.registers)
    var tile = state.options.tiles[shape] ?? shape.ruledTile
    let panelCount = Dim.ceilDiv(column.extent, Dim(tile.columns))
    // Tiles: panels outermost, so that neighbours share weights; then the loops around; then blocks of long rows.
    let batchCount = batch.reduce(Dim(1)) { $0 * $1.extent }
    let rowsAreSplit = (row.extent.value.map { $0 > 2 * rowBlock } ?? true) && !packsOnTheFly
    let rowBlocks = rowsAreSplit ? Dim.ceilDiv(row.extent, Dim(rowBlock)) : 1
    let tileAxis = scope.axis("t")
    let dependsOnBatch = batch.contains { $0.b != 0 }
    let batchSizes = batch.map { scope.size($0.extent) }
    let parts: [Expr]
    if dependsOnBatch {
      parts = splitOffset(.axis(tileAxis), batchSizes + [scope.size(panelCount), scope.size(rowBlocks)])
    } else {
      let split = splitOffset(.axis(tileAxis), [scope.size(panelCount)] + batchSizes + [scope.size(rowBlocks)])
      parts = Array(split[1..<1 + batch.count]) + [split[0], split[batch.count + 1]]
    }
    let panel = parts[batch.count]
    let block = parts[batch.count + 1]

    // The index of every axis at an element of the result.
    let rowAxis = scope.axis("m")
    let columnAxis = scope.axis("n")
    let firstRow = rowsAreSplit ? block * .int(rowBlock) : .int(0)
    let firstColumn = panel * .int(tile.columns)
    var index = [Expr](repeating: .int(0), count: contraction.axes.count)
    for (number, axis) in batch.enumerated() { split(axis, parts[number], into: &index) }
    split(row, firstRow + .axis(rowAxis), into: &index)
    let columnIndex = firstColumn + .axis(columnAxis)
    // The epilogue of groups is written for a column with a name of its own, from which their starts are told.
    let unitAxis = scope.axis("u")
    split(column, region.groups == nil ? columnIndex : .axis(unitAxis), into: &index)

    let accumulators = (0..<groupCount).map { scope.local("acc\($0)", contraction.accumulator) }
    let product = graph[anchor].results[0]
    let productType = graph.type(product).dtype.computeType
    var isGrouped = true
    scope.bound[product] = { [groups = region.groups] index in
      guard let groups else { return Expr.local(accumulators[0]).cast(to: productType) }
      let group = groups.group(index[groups.axis], unit: unitAxis)
      if group == nil { isGrouped = false }
      return Expr.local(accumulators[group ?? 0]).cast(to: productType)
    }
    scope.bindMembers(region.nodes.dropFirst())
    let position = contraction.output.map { index[$0] }

    let aOffset = offset(of: a, index)
    let rowCount =
      rowsAreSplit ? Expr.min(.int(rowBlock), scope.size(row.extent) - firstRow) : scope.size(row.extent)
    let columnCount =
      column.extent.value.map { $0 % tile.columns == 0 } == true
      ? Expr.int(tile.columns) : .min(.int(tile.columns), scope.size(column.extent) - firstColumn)
    let aType = graph.type(a.base).dtype
    let bType = graph.type(b.base).dtype
    let aBuffer = scope.buffer(argument(a, packing: nil), aType, .read)
    var body: [Statement] = []
    let bBuffer: Int
    let bOffset: Expr
    var isInterleaved = false
    if isPacked, let packing = packing(tile) {
      isInterleaved = packing.interleaving != nil
      bBuffer = scope.buffer(argument(b, packing: packing), bType, .read)
      let batchIndex = batch.indices.filter { batch[$0].b != 0 }
      let flat = flatOffset(batchIndex.map { parts[$0] }, batchIndex.map { batchSizes[$0] })
      bOffset = flat * .int(packing.batchStride) + panel * .int(packing.panelStride)
      tile.prefetches = packing.elementCount * bType.size > nearByteCount
    } else if packsOnTheFly {
      let source = scope.buffer(argument(b, packing: nil), bType, .read)
      let count = depth.reduce(1) { $0 * ($1.extent.value ?? 1) }
      bBuffer = scope.addScratch("panel", bType, count: count * tile.columns)
      body += packPanel(source, bType, bBuffer, tile, index: index, columnAxis: columnAxis, columnCount: columnCount)
      bOffset = .int(0)
    } else {
      bBuffer = scope.buffer(argument(b, packing: nil), bType, .read)
      bOffset = offset(of: b, index, without: [columnAxis])
    }
    let epilogue = region.outputs.map {
      scope.store($0, at: position, scope.pull($0, at: position)).substituting([unitAxis: columnIndex])
    }
    guard isGrouped else { return nil }
    let contract = Contract(
      rows: rowCount, columns: columnCount,
      depth: depth.map {
        DepthAxis(extent: scope.size($0.extent), aStride: scope.size($0.a), bStride: scope.size($0.b))
      },
      rowAxis: rowAxis, columnAxis: columnAxis, a: aBuffer, aOffset: aOffset, b: bBuffer, bOffset: bOffset,
      bIsPacked: isPacked || packsOnTheFly, bIsInterleaved: isInterleaved, tile: tile,
      accumulators: accumulators, epilogue: epilogue)
    body.append(.contract(contract))
    var lowered = scope.lowered(
      name: "contract", tileAxis: tileAxis, tiles: panelCount * batchCount * rowBlocks, body: body)
    lowered.contraction = shape
    return lowered
  }

  private func argument(_ operand: ContractionOperand, packing: Packing?) -> Argument {
    operand.isConstant ? .constant(ConstantKey(value: operand.base, packing: packing)) : .value(operand.base)
  }

  /// The flat offset of an operand at an index, depth axes at 0.
  private func offset(of operand: ContractionOperand, _ index: [Expr], without axes: [Axis] = []) -> Expr {
    var sum = scope.size(operand.constant)
    for (number, stride) in operand.strides.enumerated()
    where stride != 0 && contraction.axes[number].role != .depth && contraction.axes[number].extent != 1 {
      sum = sum + index[number] * scope.size(stride)
    }
    return axes.isEmpty ? sum : sum.substituting(Dictionary(uniqueKeysWithValues: axes.map { ($0, Expr.int(0)) }))
  }

  /// The packing of a constant B for a tile.
  private func packing(_ tile: Contract.Tile) -> Packing? {
    func axes(_ list: [LoopAxis]) -> [Packing.Axis] {
      list.flatMap(\.members).compactMap { member in
        guard let extent = contraction.axes[member].extent.value, let stride = b.strides[member].value else { return nil }
        return Packing.Axis(extent: extent, stride: stride)
      }
    }
    guard let offset = b.constant.value else { return nil }
    var columns = axes([column])
    var starts = [0]
    if let groups = region.groups, columns.count == 1 {
      starts = groups.starts.map { $0 * columns[0].stride }
      columns[0].extent = groups.columns
    }
    let together = Contract.stepsTogether(graph.type(a.base).dtype, graph.type(b.base).dtype)
    let run = depth.last?.extent.value
    return Packing(
      offset: offset, batch: axes(batch.filter { $0.b != 0 }), depth: axes(depth), columns: columns, groups: starts,
      panelWidth: tile.columns,
      interleaving: together.flatMap { steps in run.map { Packing.Interleaving(steps: steps, run: $0) } })
  }

  /// Copies one panel of B, columns side by side, into per-thread memory.
  private func packPanel(
    _ source: Int, _ dtype: DType, _ target: Int, _ tile: Contract.Tile, index: [Expr], columnAxis: Axis,
    columnCount: Expr
  ) -> [Statement] {
    let loops = depth.enumerated().map { (axis: scope.axis("k\($0.offset)"), extent: $0.element.extent) }
    let flat = flatOffset(loops.map { .axis($0.axis) }, loops.map { scope.size($0.extent) })
    var from = offset(of: b, index)
    for (place, axis) in depth.enumerated() { from = from + .axis(loops[place].axis) * scope.size(axis.b) }
    let isInside = Expr.less(.axis(columnAxis), columnCount)
    let element = Expr.load(source, dtype, at: from, guard: isInside)
    let store = Statement.store(
      buffer: target, offset: flat * .int(tile.columns) + .axis(columnAxis), value: element, guard: nil)
    // Columns outside, depth inside: reads are contiguous along the depth.
    let inner = nest(loops, scope, innermost: .vector(unroll: 1), [store])
    return [.loop(Loop(columnAxis, .int(tile.columns), .serial, inner))]
  }
}
