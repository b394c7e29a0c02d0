// SPDX-License-Identifier: Apache-2.0
// Row kernels: several reductions over the same axes and the elementwise operators between them, one row at a time.

import GraphIR
import KernelIR
import TensorCore

/// Elements of a row that may be kept in per-thread memory between two passes over it.
private let keptRowLimit = 16384

/// Lowers reductions over whole axes with everything elementwise around them.
func lowerRows(_ region: Region, _ rows: RowRegion, _ state: LoweringState) -> LoweredKernel? {
  RowLowering(region, rows, state).lower()
}

private struct RowLowering {
  let region: Region
  let rows: RowRegion
  let state: LoweringState
  let scope: KernelScope
  /// Nodes of full rows and of row results, with the pass after which they are known.
  private var level: [ValueID: Int] = [:]
  private var members: Set<Int>

  init(_ region: Region, _ rows: RowRegion, _ state: LoweringState) {
    self.region = region
    self.rows = rows
    self.state = state
    scope = KernelScope(state)
    members = Set(rows.nodes.map(\.index))
    for id in rows.nodes {
      let node = state.graph[id]
      let depth = node.operands.compactMap { $0.flatMap { level[$0] } }.max() ?? 0
      var isReduction = false
      if case .reduction = state.lowerings[id.index] { isReduction = true }
      for result in node.results { level[result] = isReduction ? depth + 1 : depth }
    }
  }

  private var graph: Graph { state.graph }

  private func isReduction(_ id: NodeID) -> Bool {
    if case .reduction = state.lowerings[id.index] { return true }
    return false
  }

  private func isFullRow(_ value: ValueID) -> Bool { graph.type(value).shape == rows.shape }

  func lower() -> LoweredKernel? {
    let kept = rows.shape.indices.filter { !rows.axes.contains($0) && rows.shape[$0] != 1 }
    let reduced = rows.axes.filter { rows.shape[$0] != 1 }
    let isTrailing = reduced.isEmpty || kept.isEmpty || reduced[0] > kept[kept.count - 1]
    let innermostIsReduced = reduced.last.map { last in kept.last.map { $0 < last } ?? true } ?? true
    return innermostIsReduced
      ? lowerAlongRows(kept: kept, reduced: reduced, isTrailing: isTrailing) : lowerAcrossRows(kept: kept, reduced: reduced)
  }

  // MARK: The row in vector lanes

  private func lowerAlongRows(kept: [Int], reduced: [Int], isTrailing: Bool) -> LoweredKernel {
    let tile = scope.axis("t")
    let outer = splitOffset(.axis(tile), kept.map { scope.size(rows.shape[$0]) })
    // Reduced axes at the end are one contiguous axis.
    let loops: [(axis: Axis, extent: Dim)]
    var inner = [Expr](repeating: .int(0), count: reduced.count)
    if isTrailing && reduced.count > 1 {
      let axis = scope.axis("j")
      loops = [(axis, reduced.reduce(Dim(1)) { $0 * rows.shape[$1] })]
      inner = splitOffset(.axis(axis), reduced.map { scope.size(rows.shape[$0]) })
    } else {
      loops = reduced.enumerated().map { (scope.axis("j\($0.offset)"), rows.shape[$0.element]) }
      inner = loops.map { .axis($0.axis) }
    }
    var index = [Expr](repeating: .int(0), count: rows.shape.count)
    for (place, axis) in kept.enumerated() { index[axis] = outer[place] }
    for (place, axis) in reduced.enumerated() { index[axis] = inner[place] }
    let rowLength = reduced.reduce(Dim(1)) { $0 * rows.shape[$1] }
    let position = flatOffset(inner, reduced.map { scope.size(rows.shape[$0]) })
    let body = passes(
      index: index, keeping: rowLength.value.flatMap { $0 <= keptRowLimit ? $0 : nil }, position: position, row: tile
    ) {
      nest(loops, scope, innermost: .vector(unroll: $1 ? 4 : 2), $0)
    }
    return scope.lowered(
      name: "rows", tileAxis: tile, tiles: kept.reduce(Dim(1)) { $0 * rows.shape[$1] }, body: body)
  }

  // MARK: Many rows in vector lanes

  private func lowerAcrossRows(kept: [Int], reduced: [Int]) -> LoweredKernel {
    let axes = rows.shape.indices.map { scope.axis("i\($0)") }
    let index = rows.shape.indices.map { rows.shape[$0] == 1 ? Expr.int(0) : .axis(axes[$0]) }
    let loops = reduced.map { (axis: axes[$0], extent: rows.shape[$0]) }
    let body = passes(index: index, keeping: nil, position: .int(0)) { statements, _ in
      nest(loops, scope, innermost: .serial, statements)
    }
    let space = IndexSpace(axes: kept.map { (axes[$0], rows.shape[$0]) })
    return tiled(space, body, scope, name: "rows")
  }

  // MARK: Passes

  /// What a pass reads of the row after this one, from tensors that no cache holds.
  private func prefetches(of statements: [Statement], row: Axis) -> [Statement] {
    var found: [Statement] = []
    for load in statements.flatMap(\.expressions).flatMap(\.loads) where load.condition == nil && load.offset.loads.isEmpty {
      guard scope.arguments.indices.contains(load.buffer), case .value(let value) = scope.arguments[load.buffer],
        scope.isLargerThanCaches(value), load.offset.uses(row)
      else { continue }
      let next = Statement.prefetch(
        buffer: load.buffer, offset: load.offset.substituting([row: .axis(row) + .int(1)]))
      if !found.contains(next) { found.append(next) }
    }
    return found
  }

  /// The passes over one row. `loop` wraps statements in the loops over the row; its flag says that they only reduce.
  private func passes(
    index: [Expr], keeping rowLength: Int?, position: Expr, row: Axis? = nil, loop: ([Statement], _ onlyReduces: Bool) -> [Statement]
  ) -> [Statement] {
    var body: [Statement] = []
    let last = rows.nodes.flatMap { graph[$0].results.compactMap { level[$0] } }.max() ?? 0
    let keptRows = rowLength.map { length in valuesToKeep().map { ($0, length) } } ?? []
    let keptSet = Set(keptRows.map(\.0))
    var scratch: [ValueID: Int] = [:]
    var ahead: [Statement] = []
    for (value, length) in keptRows {
      scratch[value] = scope.addScratch("row\(scratch.count)", graph.type(value).dtype.computeType, count: max(length, 1))
    }
    scope.bindMembers(rows.nodes.filter { !isReduction($0) })
    for pass in 0...last {
      scope.forgetPulled()
      var inside: [Statement] = []
      var isReducing = true
      // Rows that later passes read again.
      for id in rows.nodes {
        guard let value = graph[id].results.first, keptSet.contains(value), level[value] == pass, let number = scratch[value]
        else { continue }
        let row = scope.local("row", graph.type(value).dtype.computeType)
        inside.append(.define(row, scope.compute(value, at: index)))
        inside.append(.store(buffer: number, offset: position, value: .local(row), guard: nil))
        scope.bound[value] = { _ in .local(row) }
      }
      var results: [(ValueID, Expr)] = []
      for id in rows.nodes where isReduction(id) && level[graph[id].results[0]] == pass + 1 {
        guard case .reduction(let reduction) = state.lowerings[id.index], let operand = graph[id].operands[0] else { continue }
        let element = reductionElement(reduction, id, operand, index)
        let (define, accumulate, value) = accumulation(reduction, element, [], scope)
        body += define
        inside += accumulate
        let context = scope.pullContext(graph[id])
        results.append((graph[id].results[0], reduction.finish(context, index, value)))
      }
      for output in region.outputs where isFullRow(output) && level[output] == pass && !isRowResult(output) {
        inside.append(scope.store(output, at: index, scope.pull(output, at: index)))
        isReducing = false
      }
      // The first pass waits for memory; the second one fetches what the next row's first will read.
      if let row {
        if pass == 0 { ahead = prefetches(of: inside, row: row) }
        if pass == 1 && !inside.isEmpty { inside += ahead }
      }
      if !inside.isEmpty { body += loop(inside, isReducing) }
      // What later passes read of this one: kept rows and finished reductions.
      for (value, number) in scratch where level[value] == pass {
        let dtype = graph.type(value).dtype.computeType
        scope.bound[value] = { _ in .load(number, dtype, at: position) }
      }
      for (value, finished) in results {
        let local = scope.local("r", finished.dtype)
        body.append(.define(local, finished))
        scope.bound[value] = { _ in .local(local) }
      }
    }
    // Row results that others read.
    scope.forgetPulled()
    for output in region.outputs where isRowResult(output) {
      let at = rowResultIndex(output, index)
      body.append(scope.store(output, at: at, scope.pull(output, at: at)))
    }
    return body
  }

  /// Whether a value has one element for each row.
  private func isRowResult(_ value: ValueID) -> Bool {
    guard let id = graph[value].producer else { return false }
    return isReduction(id) || !isFullRow(value) || rows.axes.allSatisfy { rows.shape[$0] == 1 }
  }

  /// The index of a row's result: reduced axes are 0 or dropped.
  private func rowResultIndex(_ value: ValueID, _ index: [Expr]) -> [Expr] {
    let rank = graph.type(value).rank
    if rank == index.count { return index.indices.map { rows.axes.contains($0) ? .int(0) : index[$0] } }
    return index.indices.filter { !rows.axes.contains($0) }.map { index[$0] }
  }

  /// The element of a reduction at the row's index.
  private func reductionElement(_ reduction: ReductionLowering, _ id: NodeID, _ operand: ValueID, _ index: [Expr]) -> Expr {
    let result = graph[id].results[0]
    let outer = rowResultIndex(result, index)
    return reduction.element(scope.pullContext(graph[id]), outer, rows.axes.map { index[$0] })
  }

  /// Full rows that more than one pass reads and that are expensive enough to keep.
  private func valuesToKeep() -> [ValueID] {
    rows.nodes.compactMap { id in
      guard !isReduction(id), let value = graph[id].results.first, isFullRow(value), let own = level[value] else { return nil }
      let isReadLater = state.users[value.index].contains { user in
        guard members.contains(user.index) else { return false }
        if isReduction(user) { return level[graph[user].results[0]] != own + 1 }
        return level[graph[user].results[0]] != own
      }
      guard isReadLater else { return nil }
      let probe = KernelScope(state)
      let cost = probe.compute(value, at: rows.shape.indices.map { .axis(Axis(id: -1 - $0, name: "p")) })
      return cost.arithmeticCost >= 4 || cost.loads.count > 1 ? value : nil
    }
  }
}
