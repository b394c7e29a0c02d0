// SPDX-License-Identifier: Apache-2.0
// Kernels of single reductions: windows (pooling, depthwise convolution), products without a matrix, positions of
// extremes.

import GraphIR
import KernelIR
import TensorCore

/// Lowers a reduction and the elementwise operators after it.
func lowerReduction(_ region: Region, anchor: NodeID, _ state: LoweringState) -> LoweredKernel? {
  let node = state.graph[anchor]
  guard let end = region.nodes.last.map({ state.graph[$0].results[0] }) else { return nil }
  let reduction: ReductionLowering
  switch state.lowerings[anchor.index] {
  case .reduction(let own): reduction = own
  case .contraction(let contraction): reduction = contraction.asReduction
  default: return nil
  }
  let scope = KernelScope(state)
  let (space, index) = IndexSpace.over(state.graph.type(end).shape, scope)
  let context = scope.pullContext(node)
  let inner = reduction.extents.enumerated().map { (axis: scope.axis("r\($0.offset)"), extent: $0.element) }
  let element = reduction.element(context, index, inner.map { $0.extent == 1 ? .int(0) : .axis($0.axis) })
    .cast(to: reduction.accumulator)
  let overInner = vectorisesReduction(element, space, inner, scope)
  let (define, accumulate, value) = accumulation(reduction, element, inner, scope)
  scope.bound[node.results[0]] = { reduction.finish(context, $0, value) }
  scope.bindMembers(region.nodes.dropFirst())
  let stores = region.outputs.map { scope.store($0, at: index, scope.pull($0, at: index)) }
  let loops = nest(inner.filter { $0.extent != 1 }, scope, innermost: overInner ? .vector(unroll: 4) : .serial, accumulate)
  let body = define + loops + stores
  if overInner {
    // One result after the other; its elements in vectors.
    let tile = scope.axis("t")
    let tiles = space.axes.reduce(Dim(1)) { $0 * $1.extent }
    let position = splitOffset(.axis(tile), space.axes.map { scope.size($0.extent) })
    let known = Dictionary(uniqueKeysWithValues: zip(space.axes.map(\.axis), position))
    return scope.lowered(name: "reduce", tileAxis: tile, tiles: tiles, body: body.map { $0.substituting(known) })
  }
  return tiled(space, body, scope, name: "reduce")
}

/// Whether the reduced elements rather than the results go into vector lanes.
private func vectorisesReduction(
  _ element: Expr, _ space: IndexSpace, _ inner: [(axis: Axis, extent: Dim)], _ scope: KernelScope
) -> Bool {
  guard let last = inner.last(where: { $0.extent != 1 }) else { return false }
  guard let result = space.axes.last else { return true }
  if let extent = last.extent.value, extent < 8 { return false }
  let strides = element.loads.map { AffineAccess($0.offset, sizeNames: scope.sizeNames) }
  let resultIsSmooth = strides.allSatisfy { access in access.map { [0, 1].contains($0.stride(result.axis)) } ?? false }
  if resultIsSmooth, result.extent.value.map({ $0 >= 8 }) ?? true { return false }
  return strides.allSatisfy { access in access.map { [0, 1].contains($0.stride(last.axis)) } ?? false }
}

/// The statements around and inside a reduction's loops, and the combined value.
func accumulation(
  _ reduction: ReductionLowering, _ element: Expr, _ inner: [(axis: Axis, extent: Dim)], _ scope: KernelScope
) -> (define: [Statement], accumulate: [Statement], value: Expr) {
  let dtype = reduction.accumulator
  let value = scope.local("acc", dtype)
  switch reduction.kind {
  case .combine(let combiner):
    return (
      [.variable(value, combiner.identity(dtype))], [.accumulate(value, combiner, element)], .local(value)
    )
  case .index(let combiner, let last):
    let position = scope.local("at", .i64)
    let flat = flatOffset(inner.map { $0.extent == 1 ? .int(0) : .axis($0.axis) }, inner.map { scope.size($0.extent) })
    return (
      [.variable(value, combiner.identity(dtype)), .variable(position, .int(last ? -1 : 0))],
      [.accumulateIndex(value: value, index: position, combiner, element, at: flat, lastIndex: last)],
      .local(position)
    )
  }
}

/// Loops around statements, the last one of a given mode.
func nest(
  _ axes: [(axis: Axis, extent: Dim)], _ scope: KernelScope, innermost: LoopMode, _ body: [Statement]
) -> [Statement] {
  var result = body
  for (place, entry) in axes.enumerated().reversed() {
    result = [.loop(Loop(entry.axis, scope.size(entry.extent), place == axes.count - 1 ? innermost : .serial, result))]
  }
  return result
}

extension Combiner {
  /// The value that combining starts from.
  func identity(_ dtype: DType) -> Expr {
    switch self {
    case .sum: return .constant(0, dtype)
    case .product: return .constant(1, dtype)
    case .and: return dtype == .bool ? .bool(true) : .integer(-1, dtype)
    case .or: return dtype == .bool ? .bool(false) : .integer(0, dtype)
    case .max:
      if dtype.isFloat { return .real(-.infinity, dtype) }
      return .integer(dtype.integerRange?.low ?? 0, dtype)
    case .min:
      if dtype.isFloat { return .real(.infinity, dtype) }
      return .integer(dtype.integerRange?.high ?? 0, dtype)
    }
  }
}

extension ContractionLowering {
  /// The same sums as a plain reduction.
  var asReduction: ReductionLowering {
    let depth = axes.indices.filter { axes[$0].role == .depth }
    return ReductionLowering(
      extents: depth.map { axes[$0].extent }, kind: .combine(.sum), accumulator: accumulator,
      element: { context, index, reduced in
        var position = [Expr](repeating: .int(0), count: axes.count)
        for (place, axis) in output.enumerated() { position[axis] = index[place] }
        for (place, axis) in depth.enumerated() { position[axis] = reduced[place] }
        func at(_ indices: [Index]) -> [Expr] {
          indices.map { index in
            index.terms.reduce(.int(0)) { $0 + position[$1.axis] * context.size($1.coefficient) }
          }
        }
        return context.operand(0, at: at(a)).cast(to: accumulator) * context.operand(1, at: at(b)).cast(to: accumulator)
      },
      finish: { context, _, value in value.cast(to: context.types.results[0].dtype.computeType) })
  }
}
