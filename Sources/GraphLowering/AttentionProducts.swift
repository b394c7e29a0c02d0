// SPDX-License-Identifier: Apache-2.0
// The two products of an attention's kernel: queries by keys, and what the softmax makes of them by values.

import GraphIR
import KernelIR
import TensorCore

extension AttentionLowering {
  // MARK: Scores

  /// The score of a product at the index's own axes.
  func score(_ product: Expr) -> Expr {
    let result = graph[attention.product].results[0]
    scope.forgetPulled()
    scope.bound[result] = { [type = graph.type(result).dtype.computeType] _ in product.cast(to: type) }
    return scope.pull(attention.score, at: index[attention.score])
  }

  /// Where the keys start, at the index's own axes and depth 0.
  private var keyOffset: Expr {
    let moving = inner.axes.indices.filter { inner.axes[$0].role != .depth && keys.strides[$0] != 0 }
    return moving.reduce(scope.size(keys.constant)) { $0 + index.product[$1] * scope.size(keys.strides[$1]) }
  }

  /// The stride of the keys for each axis of the depth.
  private var keyStrides: [Dim] {
    inner.axes.indices.filter { inner.axes[$0].role == .depth && inner.axes[$0].extent != 1 }.map { keys.strides[$0] }
  }

  private func buffer(of operand: ContractionOperand) -> Int {
    scope.buffer(.value(operand.base), graph.type(operand.base).dtype, .read)
  }

  func scores(_ memory: Memory, _ place: Block) -> [Statement] {
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
  func scoresOfOne(_ memory: Memory, _ place: Block) -> [Statement] {
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

  func weighted(_ memory: Memory, _ place: Block) -> [Statement] {
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
  func finish(_ memory: Memory, _ place: Block) -> [Statement] {
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
