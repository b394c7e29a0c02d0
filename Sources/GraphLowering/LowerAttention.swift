// SPDX-License-Identifier: Apache-2.0
// Kernels of attention: blocks of queries as tiles, blocks of keys inside, scores in per-thread memory.
//
// Scores are computed as keys by queries, so that keys are read in place as the rows of one product and values as the
// columns of the other, maxima and totals of neighbouring queries are vectors, and only the queries are turned. A
// single query has no neighbours: its products are sums along the depth, and its keys are the vectors.

import GraphIR
import KernelIR
import TensorCore

func lowerAttention(_ region: Region, _ attention: AttentionRegion, _ state: LoweringState) -> LoweredKernel? {
  AttentionLowering(region, attention, state)?.lower()
}

struct AttentionLowering {
  /// Vectors of queries in a block.
  private static let queryVectors = 4
  /// Keys that are one block, and those of a block where there are more, by which the scores of a block and the values
  /// they are multiplied by stay in the second-level cache.
  private static let (mostKeys, keyBlock) = (512, 256)
  /// The same for a single query.
  private static let (mostKeysOfOne, keyBlockOfOne) = (8192, 2048)

  let region: Region
  let attention: AttentionRegion
  let state: LoweringState
  let scope: KernelScope
  let inner: ContractionLowering
  let outer: ContractionLowering
  let index: AttentionIndex
  let softmax: AttentionSoftmax
  let keys: ContractionOperand
  let values: ContractionOperand
  /// The type of everything in between.
  let dtype: DType
  /// Queries and keys of a block.
  let width: Int
  let block: Int
  /// Whether there may be several blocks of keys.
  let isOnline: Bool
  var graph: Graph { state.graph }

  init?(_ region: Region, _ attention: AttentionRegion, _ state: LoweringState) {
    let scope = KernelScope(state)
    let graph = state.graph
    guard case .contraction(let inner) = state.lowerings[attention.product.index],
      case .contraction(let outer) = state.lowerings[attention.sum.index],
      let index = AttentionIndex(
        product: attention.product, between: attention.between, sum: attention.sum, scope),
      let softmax = AttentionSoftmax(attention, index, scope),
      let key = graph[attention.product].operands[attention.keyOperand], let value = graph[attention.sum].operands[1],
      let keys = ContractionOperand(key, attention.keyOperand == 0 ? inner.a : inner.b, inner, state),
      let values = ContractionOperand(value, outer.b, outer, state),
      values.hasNeighbouringColumns(outer)
    else { return nil }
    (self.region, self.attention, self.state, self.scope) = (region, attention, state, scope)
    (self.inner, self.outer, self.index, self.softmax) = (inner, outer, index, softmax)
    (self.keys, self.values) = (keys, values)
    dtype = outer.accumulator
    let isSingle = index.query == nil
    let most = isSingle ? Self.mostKeysOfOne : Self.mostKeys
    let count = index.key.extent.value
    isOnline = count.map { $0 > most } ?? true
    block = isOnline ? (isSingle ? Self.keyBlockOfOne : Self.keyBlock) : count ?? 1
    width = Self.queryBlock(index, lanes: dtype == .f64 ? state.options.target.lanes / 2 : state.options.target.lanes)
  }

  /// The queries of a block: as even as whole vectors allow, and less where there would be no work for a second thread.
  private static func queryBlock(_ index: AttentionIndex, lanes: Int) -> Int {
    guard let query = index.query else { return 1 }
    guard let count = query.extent.value else { return 2 * lanes }
    let most = queryVectors * lanes
    var blocks = (count - 1) / most + 1
    if blocks == 1, count >= 2 * lanes, index.batch.allSatisfy({ $0.extent == 1 }) { blocks = 2 }
    return ((count - 1) / blocks / lanes + 1) * lanes
  }

  func lower() -> LoweredKernel? {
    let tileAxis = scope.axis("t")
    let queryBlocks = index.query.map { Dim.ceilDiv($0.extent, Dim(width)) } ?? 1
    let parts = splitOffset(.axis(tileAxis), index.batch.map { scope.size($0.extent) } + [scope.size(queryBlocks)])
    let known = Dictionary(uniqueKeysWithValues: zip(index.batch.map(\.axis), parts))
    let firstQuery = parts[index.batch.count] * .int(width)
    var queryCount = Expr.int(width)
    if let extent = index.query?.extent, extent.value.map({ $0 % width != 0 }) ?? true {
      queryCount = .min(.int(width), scope.size(extent) - firstQuery)
    }

    let memory = Memory(self)
    var body = memory.start(self)
    body += packQueries(memory, count: queryCount, first: firstQuery)
    let blockAxis = scope.axis("j")
    let firstKey = isOnline ? .axis(blockAxis) * .int(block) : Expr.int(0)
    let keyCount = isOnline ? Expr.min(.int(block), scope.size(index.key.extent) - firstKey) : .int(block)
    let place = Block(firstQuery: firstQuery, queries: queryCount, firstKey: firstKey, keys: keyCount)
    var inside = index.query == nil ? scoresOfOne(memory, place) : scores(memory, place)
    inside += index.query == nil ? weightsOfOne(memory, place) : weights(memory, place)
    inside += weighted(memory, place)
    if isOnline {
      let blocks = scope.size(Dim.ceilDiv(index.key.extent, Dim(block)))
      body.append(.loop(Loop(blockAxis, blocks, .serial, inside)))
      body += finish(memory, place)
    } else {
      body += inside
    }
    return scope.lowered(
      name: "attention", tileAxis: tileAxis, tiles: index.batch.reduce(queryBlocks) { $0 * $1.extent },
      body: body.map { $0.substituting(known) })
  }

  /// Where a block of queries and keys is.
  struct Block {
    var firstQuery, queries, firstKey, keys: Expr
  }

  /// Per-thread memory of one tile.
  struct Memory {
    /// Queries as panels of a packed operand: depth by queries.
    var panel: Int
    /// Keys by queries.
    var scores: Int
    /// For each query its largest score, the total of its powers, and what the sum is multiplied by in the end.
    var largest, total, factor: Int
    /// Where there may be several blocks: what the sum of those before is multiplied by, and the sums, queries by
    /// columns. Else they stand for the factor and nobody uses them.
    var older, sums: Int

    init(_ lowering: AttentionLowering) {
      let (scope, dtype, width) = (lowering.scope, lowering.dtype, lowering.width)
      func add(_ name: String, _ count: Int) -> Int { scope.addScratch(name, dtype, count: count) }
      panel = add("queries", lowering.depthCount * lowering.panels * lowering.panelWidth)
      scores = add("scores", lowering.block * width)
      largest = add("largest", width)
      total = add("total", width)
      factor = add("factor", width)
      older = lowering.isOnline ? add("older", width) : factor
      sums = lowering.isOnline ? add("sums", width * lowering.columnCount) : factor
    }

    /// Nothing is summed yet. The factor is 0 until there is a key.
    func start(_ lowering: AttentionLowering) -> [Statement] {
      guard lowering.isOnline else { return [] }
      let (scope, dtype) = (lowering.scope, lowering.dtype)
      func fill(_ buffer: Int, _ value: Double, count: Int) -> Statement {
        let axis = scope.axis("i")
        let store = Statement.store(buffer: buffer, offset: .axis(axis), value: .constant(value, dtype), guard: nil)
        return .loop(Loop(axis, .int(count), .vector(unroll: 4), [store]))
      }
      let (width, columns) = (lowering.width, lowering.columnCount)
      return [
        fill(largest, -.infinity, count: width), fill(total, 0, count: width), fill(factor, 0, count: width),
        fill(sums, 0, count: width * columns),
      ]
    }
  }

  var depthCount: Int { index.depth.reduce(1) { $0 * ($1.extent.value ?? 1) } }
  var columnCount: Int { index.column.extent.value ?? 1 }

  func tile(rows: Int, columns: Int, depth: Int) -> Contract.Tile {
    let target = state.options.target
    return .choose(
      rows: rows, columns: columns, depth: depth, lanes: dtype == .f64 ? target.lanes / 2 : target.lanes,
      registers: target.registers)
  }

  var scoreTile: Contract.Tile { tile(rows: block, columns: width, depth: depthCount) }

  /// Queries side by side in the packed operand.
  private var panelWidth: Int { index.query == nil ? 1 : scoreTile.columns }
  private var panels: Int { (width - 1) / panelWidth + 1 }

  func load(_ buffer: Int, _ offset: Expr) -> Expr { .load(buffer, dtype, at: offset) }

  // MARK: Queries

  /// Copies a block of queries into panels of queries side by side. Those that are missing are the last one again,
  /// whose results nobody stores.
  private func packQueries(_ memory: Memory, count: Expr, first: Expr) -> [Statement] {
    guard let operand = graph[attention.product].operands[attention.queryOperand] else { return [] }
    let indices = attention.queryOperand == 0 ? inner.a : inner.b
    let loops = index.depth.map { (axis: scope.axis("d"), extent: $0.extent) }
    var axes: [Axis: Expr] = Dictionary(
      uniqueKeysWithValues: zip(index.depth.map(\.axis), loops.map { .axis($0.axis) }))
    let flat = flatOffset(loops.map { .axis($0.axis) }, loops.map { scope.size($0.extent) })
    func copy(to offset: Expr) -> Statement {
      let place = indices.map { $0.position(at: index.product, scope).substituting(axes) }
      let element = scope.pull(operand, at: place).cast(to: dtype)
      return .store(buffer: memory.panel, offset: offset, value: element, guard: nil)
    }
    guard let query = index.query else { return nest(loops, scope, innermost: .vector(unroll: 4), [copy(to: flat)]) }
    // Rows of a few queries at a time, element by element: every line of memory is read and written once, which is
    // quicker than vectors that are scattered.
    let (group, member) = (scope.axis("g"), scope.axis("q"))
    let size = Self.unrolled(panelWidth)
    let row = Expr.axis(group) * .int(size) + .axis(member)
    axes[query.axis] = first + (count == .int(panels * panelWidth) ? row : .min(row, count - .int(1)))
    let start = Expr.floorDiv(.axis(group) * .int(size), .int(panelWidth)) * .int(depthCount * panelWidth)
    let offset = start + flat * .int(panelWidth) + .mod(.axis(group) * .int(size), .int(panelWidth)) + .axis(member)
    let members = Statement.loop(Loop(member, .int(size), .unrolled, [copy(to: offset)]))
    let rows = nest(loops, scope, innermost: .serial, [members])
    return [.loop(Loop(group, .int(panels * panelWidth / size), .serial, rows))]
  }

  /// Queries of a panel that are copied together.
  private static func unrolled(_ panel: Int) -> Int { (1...16).last { panel % $0 == 0 } ?? 1 }
}
