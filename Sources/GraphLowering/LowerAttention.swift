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

private struct AttentionLowering {
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
  private let inner: ContractionLowering
  private let outer: ContractionLowering
  private let index: AttentionIndex
  private let softmax: AttentionSoftmax
  private let keys: ContractionOperand
  private let values: ContractionOperand
  /// The type of everything in between.
  private let dtype: DType
  /// Queries and keys of a block.
  private let width: Int
  private let block: Int
  /// Whether there may be several blocks of keys.
  private let isOnline: Bool
  private var graph: Graph { state.graph }

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
      let values = ContractionOperand(value, outer.b, outer, state)
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
  private struct Block {
    var firstQuery, queries, firstKey, keys: Expr
  }

  /// Per-thread memory of one tile.
  private struct Memory {
    /// Queries as panels of a packed operand: depth by queries.
    var panel: Int
    /// Keys by queries.
    var scores: Int
    /// For each query its largest score, the total of its powers, what the sum is multiplied by, and what the sum
    /// before the last block is.
    var largest, total, factor, older: Int
    /// Queries by columns, where the sum takes several blocks.
    var sums: Int

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

  private var depthCount: Int { index.depth.reduce(1) { $0 * ($1.extent.value ?? 1) } }
  private var columnCount: Int { index.column.extent.value ?? 1 }

  private func tile(rows: Int, columns: Int, depth: Int) -> Contract.Tile {
    let target = state.options.target
    return .choose(
      rows: rows, columns: columns, depth: depth, lanes: dtype == .f64 ? target.lanes / 2 : target.lanes,
      registers: target.registers)
  }

  private var scoreTile: Contract.Tile { tile(rows: block, columns: width, depth: depthCount) }

  /// Queries side by side in the packed operand.
  private var panelWidth: Int { index.query == nil ? 1 : scoreTile.columns }
  private var panels: Int { (width - 1) / panelWidth + 1 }

  private func load(_ buffer: Int, _ offset: Expr) -> Expr { .load(buffer, dtype, at: offset) }

  // MARK: Queries

  /// Copies a block of queries into panels of queries side by side. Those that are missing are the last one again, whose
  /// results nobody stores.
  private func packQueries(_ memory: Memory, count: Expr, first: Expr) -> [Statement] {
    guard let operand = graph[attention.product].operands[attention.queryOperand] else { return [] }
    let indices = attention.queryOperand == 0 ? inner.a : inner.b
    let loops = index.depth.map { (axis: scope.axis("d"), extent: $0.extent) }
    var axes: [Axis: Expr] = Dictionary(
      uniqueKeysWithValues: zip(index.depth.map(\.axis), loops.map { .axis($0.axis) }))
    let flat = flatOffset(loops.map { .axis($0.axis) }, loops.map { scope.size($0.extent) })
    func copy(to offset: Expr) -> Statement {
      let place = indices.map { $0.position(at: index.product, scope).substituting(axes) }
      return .store(buffer: memory.panel, offset: offset, value: scope.pull(operand, at: place).cast(to: dtype), guard: nil)
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
    return [.loop(Loop(group, .int(panels * panelWidth / size), .serial, nest(loops, scope, innermost: .serial, [members])))]
  }

  /// Queries of a panel that are copied together.
  private static func unrolled(_ panel: Int) -> Int { (1...16).last { panel % $0 == 0 } ?? 1 }

  // MARK: Scores

  /// The score of a product at the index's own axes.
  private func score(_ product: Expr) -> Expr {
    let result = graph[attention.product].results[0]
    scope.forgetPulled()
    scope.bound[result] = { [type = graph.type(result).dtype.computeType] _ in product.cast(to: type) }
    return scope.pull(attention.score, at: index[attention.score])
  }

  /// Where the keys start, at the index's own axes and depth 0.
  private var keyOffset: Expr {
    inner.axes.indices.filter { inner.axes[$0].role != .depth && keys.strides[$0] != 0 }.reduce(scope.size(keys.constant)) {
      $0 + index.product[$1] * scope.size(keys.strides[$1])
    }
  }

  /// The stride of the keys for each axis of the depth.
  private var keyStrides: [Dim] {
    inner.axes.indices.filter { inner.axes[$0].role == .depth && inner.axes[$0].extent != 1 }.map { keys.strides[$0] }
  }

  private func buffer(of operand: ContractionOperand) -> Int {
    scope.buffer(.value(operand.base), graph.type(operand.base).dtype, .read)
  }

  private func scores(_ memory: Memory, _ place: Block) -> [Statement] {
    let (row, column) = (scope.axis("m"), scope.axis("n"))
    var axes = [index.key.axis: place.firstKey + .axis(row)]
    if let query = index.query { axes[query.axis] = place.firstQuery + .axis(column) }
    let product = scope.local("product", dtype)
    let store = Statement.store(
      buffer: memory.scores, offset: .axis(row) * .int(width) + .axis(column),
      value: score(.local(product)).substituting(axes), guard: nil)
    var depth = zip(index.depth, keyStrides).map {
      DepthAxis(extent: scope.size($0.extent), aStride: scope.size($1), bStride: .int(0))
    }
    if depth.isEmpty { depth = [DepthAxis(extent: .int(1), aStride: .int(0), bStride: .int(0))] }
    return [
      .contract(
        Contract(
          rows: place.keys, columns: place.queries, depth: depth, rowAxis: row, columnAxis: column, a: buffer(of: keys),
          aOffset: keyOffset.substituting(axes), b: memory.panel, bOffset: .int(0), bIsPacked: true, tile: scoreTile,
          accumulators: [product], epilogue: [store]))
    ]
  }

  /// The products of a single query.
  private func scoresOfOne(_ memory: Memory, _ place: Block) -> [Statement] {
    let row = scope.axis("m")
    let loops = index.depth.map { (axis: scope.axis("d"), extent: $0.extent) }
    let sum = scope.local("product", dtype)
    let flat = flatOffset(loops.map { .axis($0.axis) }, loops.map { scope.size($0.extent) })
    var offset = keyOffset.substituting([index.key.axis: place.firstKey + .axis(row)])
    for (loop, stride) in zip(loops, keyStrides) { offset = offset + .axis(loop.axis) * scope.size(stride) }
    let key = Expr.load(buffer(of: keys), graph.type(keys.base).dtype, at: offset).cast(to: dtype)
    let add = Statement.accumulate(sum, .sum, load(memory.panel, flat) * key)
    let body =
      [.variable(sum, .constant(0, dtype))] + nest(loops, scope, innermost: .vector(unroll: 4), [add])
      + [.store(buffer: memory.scores, offset: .axis(row), value: .local(sum), guard: nil)]
    return [.loop(Loop(row, place.keys, .serial, body))]
  }

  // MARK: Softmax

  /// 0 instead of -∞, from which nothing can be subtracted.
  private func finite(_ largest: Expr) -> Expr {
    .select(.binary(.eq, largest, .constant(-.infinity, dtype)), .constant(0, dtype), largest)
  }

  private func factor(_ largest: Expr, _ total: Expr, _ place: Block, query: Expr) -> Expr {
    var results = Substitution(locals: [softmax.largest: largest, softmax.total: total])
    if let axis = index.query?.axis { results.axes = [axis: place.firstQuery + query] }
    return results(softmax.factor)
  }

  /// The larger of what was the largest before this block and what is in it, kept for each query.
  private func largest(_ memory: Memory, query: Expr, _ found: Expr) -> [Statement] {
    guard isOnline else { return [.store(buffer: memory.largest, offset: query, value: found, guard: nil)] }
    let old = scope.local("old", dtype)
    return [
      .define(old, load(memory.largest, query)),
      .store(
        buffer: memory.older, offset: query, value: .unary(.exp, .local(old) - finite(found)), guard: nil),
      .store(buffer: memory.largest, offset: query, value: found, guard: nil),
    ]
  }

  private func startOfLargest(_ memory: Memory, query: Expr) -> Expr {
    isOnline ? load(memory.largest, query) : .constant(-.infinity, dtype)
  }

  private func startOfTotal(_ memory: Memory, query: Expr) -> Expr {
    isOnline ? load(memory.total, query) * load(memory.older, query) : .constant(0, dtype)
  }

  private func totals(_ memory: Memory, _ place: Block, query: Expr, _ largest: Expr, _ total: Expr) -> [Statement] {
    let stores = [(memory.factor, factor(largest, total, place, query: query))] + (isOnline ? [(memory.total, total)] : [])
    return stores.map { .store(buffer: $0, offset: query, value: $1, guard: nil) }
  }

  /// Scores become powers, queries in vectors.
  private func weights(_ memory: Memory, _ place: Block) -> [Statement] {
    func loop(unroll: Int, _ body: (_ query: Expr, _ score: Expr, _ overKeys: ([Statement]) -> Statement) -> [Statement])
      -> Statement
    {
      let (query, key) = (scope.axis("q"), scope.axis("m"))
      let score = Expr.axis(key) * .int(width) + .axis(query)
      return .loop(
        Loop(
          query, place.queries, .vector(unroll: unroll),
          body(.axis(query), score) { .loop(Loop(key, place.keys, .serial, $0)) }))
    }
    return [
      loop(unroll: 4) { query, score, overKeys in
        let top = scope.local("top", dtype)
        return [
          .variable(top, startOfLargest(memory, query: query)),
          overKeys([.accumulate(top, .max, load(memory.scores, score))]),
        ] + largest(memory, query: query, .local(top))
      },
      loop(unroll: 2) { query, score, overKeys in
        let (top, shift) = (scope.local("top", dtype), scope.local("shift", dtype))
        let (total, power) = (scope.local("total", dtype), scope.local("power", dtype))
        return [
          .define(top, load(memory.largest, query)),
          .define(shift, finite(.local(top))),
          .variable(total, startOfTotal(memory, query: query)),
          overKeys([
            .define(power, .unary(.exp, load(memory.scores, score) - .local(shift))),
            .store(buffer: memory.scores, offset: score, value: .local(power), guard: nil),
            .accumulate(total, .sum, .local(power)),
          ]),
        ] + totals(memory, place, query: query, .local(top), .local(total))
      },
    ]
  }

  /// Products of a single query become scores, then powers, keys in vectors.
  private func weightsOfOne(_ memory: Memory, _ place: Block) -> [Statement] {
    let zero = Expr.int(0)
    let (top, shift) = (scope.local("top", dtype), scope.local("shift", dtype))
    let (total, power, own) = (scope.local("total", dtype), scope.local("power", dtype), scope.local("score", dtype))
    func overKeys(_ body: (Expr) -> [Statement]) -> Statement {
      let key = scope.axis("m")
      return .loop(Loop(key, place.keys, .vector(unroll: 4), body(.axis(key))))
    }
    return [
      .variable(top, startOfLargest(memory, query: zero)),
      overKeys { key in
        let value = score(load(memory.scores, key)).substituting([index.key.axis: place.firstKey + key])
        return [
          .define(own, value), .store(buffer: memory.scores, offset: key, value: .local(own), guard: nil),
          .accumulate(top, .max, .local(own)),
        ]
      },
    ] + largest(memory, query: zero, .local(top)) + [
      .define(shift, finite(.local(top))),
      .variable(total, startOfTotal(memory, query: zero)),
      overKeys { key in
        [
          .define(power, .unary(.exp, load(memory.scores, key) - .local(shift))),
          .store(buffer: memory.scores, offset: key, value: .local(power), guard: nil),
          .accumulate(total, .sum, .local(power)),
        ]
      },
    ] + totals(memory, place, query: zero, .local(top), .local(total))
  }

  // MARK: Values

  /// What the region stores of a sum at a query of the block and a column.
  private func stores(_ sum: Expr, _ place: Block, query: Expr, column: Expr) -> [Statement] {
    let result = graph[attention.sum].results[0]
    scope.forgetPulled()
    scope.bound[result] = { [type = graph.type(result).dtype.computeType] _ in sum.cast(to: type) }
    scope.bindMembers(region.nodes.drop { $0 != attention.sum }.dropFirst())
    var axes = [index.column.axis: column]
    if let axis = index.query?.axis { axes[axis] = place.firstQuery + query }
    let position = outer.output.map { index.sum[$0] }
    return region.outputs.map { scope.store($0, at: position, scope.pull($0, at: position)).substituting(axes) }
  }

  private func weighted(_ memory: Memory, _ place: Block) -> [Statement] {
    let (row, column) = (scope.axis("m"), scope.axis("n"))
    let sum = scope.local("sum", dtype)
    let epilogue: [Statement]
    if isOnline {
      let offset = Expr.axis(row) * .int(columnCount) + .axis(column)
      let value = load(memory.sums, offset) * load(memory.older, .axis(row)) + .local(sum)
      epilogue = [.store(buffer: memory.sums, offset: offset, value: value, guard: nil)]
    } else {
      epilogue = stores(
        .local(sum) * load(memory.factor, .axis(row)), place, query: .axis(row), column: .axis(column))
    }
    let depth = outer.axes.indices.filter { outer.axes[$0].role == .depth && outer.axes[$0].extent != 1 }
    var offset = scope.size(values.constant)
    for axis in outer.axes.indices where outer.axes[axis].role != .column && values.strides[axis] != 0 {
      offset = offset + index.sum[axis] * scope.size(values.strides[axis])
    }
    return [
      .contract(
        Contract(
          rows: place.queries, columns: .int(columnCount),
          depth: depth.map {
            DepthAxis(extent: place.keys, aStride: .int(width), bStride: scope.size(values.strides[$0]))
          }, rowAxis: row, columnAxis: column, a: memory.scores, aOffset: .axis(row), b: buffer(of: values),
          bOffset: offset.substituting([index.key.axis: place.firstKey]), bIsPacked: false,
          tile: tile(rows: width, columns: columnCount, depth: block), accumulators: [sum], epilogue: epilogue))
    ]
  }

  /// Stores the results once all blocks of keys are summed.
  private func finish(_ memory: Memory, _ place: Block) -> [Statement] {
    let (row, column) = (scope.axis("m"), scope.axis("n"))
    let sum = load(memory.sums, .axis(row) * .int(columnCount) + .axis(column)) * load(memory.factor, .axis(row))
    let body = stores(sum, place, query: .axis(row), column: .axis(column))
    return [
      .loop(
        Loop(
          row, place.queries, .serial, [.loop(Loop(column, .int(columnCount), .vector(unroll: 4), body))]))
    ]
  }
}
