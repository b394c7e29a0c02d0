// SPDX-License-Identifier: Apache-2.0
// Kernels of elementwise and movement operators: one loop nest over the result, its innermost axis in vectors.

import GraphIR
import KernelIR
import TensorCore

/// Elements of one tile of a flat loop; a few microseconds of work.
private let flatTile = 8192

/// Lowers a region without reductions.
func lowerPointwise(_ region: Region, _ state: LoweringState) -> LoweredKernel? {
  guard let first = region.outputs.first else { return nil }
  let scope = KernelScope(state)
  let (space, index) = IndexSpace.over(state.graph.type(first).shape, scope)
  let stores = region.outputs.map { scope.store($0, at: index, scope.compute($0, at: index)) }
  let (merged, body) = mergingAxes(space, stores, scope)
  return tiled(merged, body, scope, name: "pointwise")
}

/// Merges neighbouring axes that every access moves through as one, so that contiguous tensors become one long loop.
func mergingAxes(_ space: IndexSpace, _ statements: [Statement], _ scope: KernelScope) -> (IndexSpace, [Statement]) {
  var axes = space.axes
  var statements = statements
  var outer = axes.count - 2
  while outer >= 0 {
    let (a, b) = (axes[outer], axes[outer + 1])
    if let replaced = merging(a, b, statements, scope) {
      statements = replaced
      axes[outer] = (b.axis, a.extent * b.extent)
      axes.remove(at: outer + 1)
    }
    outer -= 1
  }
  return (IndexSpace(axes: axes), statements)
}

/// The statements with axis `b` running over both extents and `a` gone, when every offset allows it.
private func merging(
  _ a: (axis: Axis, extent: Dim), _ b: (axis: Axis, extent: Dim), _ statements: [Statement], _ scope: KernelScope
) -> [Statement]? {
  /// The expression with `a` dropped, when its stride of `a` is that of `b` times the extent of `b`.
  func merged(_ offset: Expr) -> Expr? {
    guard offset.uses(a.axis) || offset.uses(b.axis) else { return offset }
    guard let access = AffineAccess(offset, sizeNames: scope.sizeNames),
      access.stride(a.axis) == access.stride(b.axis) * b.extent
    else { return nil }
    return offset.substituting([a.axis: .int(0)])
  }
  var isPossible = true
  func rewrite(_ expr: Expr) -> Expr {
    if case .load(let buffer, let offset, let condition) = expr.kind {
      guard condition == nil, let new = merged(offset), offset.loads.isEmpty else {
        isPossible = false
        return expr
      }
      return Expr(.load(buffer: buffer, offset: new, guard: nil), expr.dtype)
    }
    if case .axis(let axis) = expr.kind, axis == a.axis || axis == b.axis { isPossible = false }
    return expr.mapChildren(rewrite)
  }
  var result: [Statement] = []
  for statement in statements {
    guard case .store(let buffer, let offset, let value, nil) = statement, let new = merged(offset) else { return nil }
    result.append(.store(buffer: buffer, offset: new, value: rewriteOnce(value, rewrite), guard: nil))
    if !isPossible { return nil }
  }
  return result
}

/// Rewrites a shared expression visiting each node once.
private func rewriteOnce(_ expr: Expr, _ rewrite: (Expr) -> Expr) -> Expr { rewrite(expr) }

/// Splits a loop nest into tiles and vectorises its innermost axis.
func tiled(_ space: IndexSpace, _ body: [Statement], _ scope: KernelScope, name: String) -> LoweredKernel {
  let tile = scope.axis("t")
  guard let inner = space.axes.last else {
    return scope.lowered(name: name, tileAxis: tile, tiles: 1, body: body)
  }
  if space.axes.count == 1 {
    // One flat loop: tiles of a fixed number of elements.
    let extent = inner.extent
    if let count = extent.value, count <= flatTile {
      let loop = Statement.loop(Loop(inner.axis, .int(count), .vector(unroll: 2), body))
      return scope.lowered(name: name, tileAxis: tile, tiles: 1, body: [loop])
    }
    let start = Expr.axis(tile) * .int(flatTile)
    let isWhole = extent.value.map { $0 % flatTile == 0 } ?? false
    let count = isWhole ? Expr.int(flatTile) : .min(.int(flatTile), scope.size(extent) - start)
    let shifted = body.map { $0.substituting([inner.axis: start + .axis(inner.axis)]) }
    let loop = Statement.loop(Loop(inner.axis, count, .vector(unroll: 2), shifted))
    return scope.lowered(
      name: name, tileAxis: tile, tiles: Dim.ceilDiv(extent, Dim(flatTile)), body: [loop])
  }
  // Tiles over the outermost axes, as many as give enough of them; loops over the rest.
  var outerCount = 1
  var tiles = space.axes[0].extent
  while outerCount < space.axes.count - 1, let known = tiles.value, known < 64 {
    tiles = tiles * space.axes[outerCount].extent
    outerCount += 1
  }
  var nest = [Statement.loop(Loop(inner.axis, scope.size(inner.extent), .vector(unroll: 2), body))]
  for place in stride(from: space.axes.count - 2, through: outerCount, by: -1) {
    nest = [.loop(Loop(space.axes[place].axis, scope.size(space.axes[place].extent), .serial, nest))]
  }
  let position = splitOffset(.axis(tile), space.axes[..<outerCount].map { scope.size($0.extent) })
  let known = Dictionary(uniqueKeysWithValues: zip(space.axes[..<outerCount].map(\.axis), position))
  nest = nest.map { $0.substituting(known) }
  return scope.lowered(name: name, tileAxis: tile, tiles: tiles, body: nest)
}
