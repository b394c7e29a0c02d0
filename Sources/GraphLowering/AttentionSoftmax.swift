// SPDX-License-Identifier: Apache-2.0
// Whether what is between two products is a softmax whose blocks can be joined, and what is left to do in the end.

import GraphIR
import KernelIR
import TensorCore

/// How the weights follow from the scores.
struct AttentionSoftmax {
  /// What the factor is written in: the results of a query.
  let largest, total: Local
  /// What the sum is multiplied by in the end, from the largest and the total.
  let factor: Expr

  /// Nil unless the weights are `exp(score - largest)` times what a query alone decides.
  init?(_ region: AttentionRegion, _ index: AttentionIndex, _ scope: KernelScope) {
    let (state, graph) = (scope.context, scope.context.graph)
    let values = [region.score, region.largest, region.power, region.total]
    guard let weights = graph[region.sum].operands[0], case .contraction(let sum) = state.lowerings[region.sum.index],
      values.allSatisfy({ graph.type($0).dtype.computeType == sum.accumulator }),
      values.allSatisfy({ !index[$0].isEmpty })
    else { return nil }
    func local(_ name: String) -> Local { scope.local(name, sum.accumulator) }
    let power = local("power")
    let score = local("score")
    (largest, total) = (local("largest"), local("total"))
    let outer = scope.bound
    defer {
      scope.bound = outer
      scope.forgetPulled()
    }
    // Reductions take the values as they are.
    for (value, source) in [(region.largest, score), (region.total, power)] {
      guard let id = graph[value].producer, case .reduction(let reduction) = state.lowerings[id.index] else {
        return nil
      }
      let probe = PullContext(types: graph.types(graph[id]), dim: scope.size) { _, _, _ in .local(source) }
      let place = index[value]
      guard reduction.accumulator == sum.accumulator,
        reduction.element(probe, place, reduction.extents.map { _ in .int(0) }) == .local(source),
        reduction.finish(probe, place, .local(source)) == .local(source)
      else { return nil }
    }
    scope.bound[region.score] = { _ in .local(score) }
    scope.bound[region.largest] = { [largest] _ in .local(largest) }
    guard case .unary(.exp, let exponent) = scope.compute(region.power, at: index[region.power]).kind,
      case .binary(.sub, let minuend, let shift) = exponent.kind, minuend == .local(score),
      Self.isLargest(shift, .local(largest))
    else { return nil }
    scope.bound[region.power] = { _ in .local(power) }
    scope.bound[region.total] = { [total] _ in .local(total) }
    let place = sum.a.map { $0.position(at: index.sum, scope) }
    guard let factor = Self.factor(of: .local(power), in: scope.pull(weights, at: place)),
      !factor.uses(index.key.axis), !factor.contains(where: { $0 == .local(power) || $0 == .local(score) })
    else { return nil }
    self.factor = factor
  }

  /// Whether an expression is the largest, or 0 instead of -∞.
  private static func isLargest(_ e: Expr, _ largest: Expr) -> Bool {
    if e == largest { return true }
    guard case .select(let condition, let zero, let other) = e.kind, other == largest, zero.realValue == 0,
      case .binary(.eq, let a, let b) = condition.kind
    else { return false }
    return a == largest && b.realValue == -.infinity || b == largest && a.realValue == -.infinity
  }

  /// What `x` is multiplied by to give `e`; nil where `e` is something else.
  private static func factor(of x: Expr, in e: Expr) -> Expr? {
    if e == x { return .constant(1, x.dtype) }
    switch e.kind {
    case .binary(.mul, let a, let b):
      if let factor = factor(of: x, in: a) { return factor * b }
      return factor(of: x, in: b).map { a * $0 }
    case .binary(.div, let a, let b): return factor(of: x, in: a).map { $0 / b }
    default: return nil
    }
  }
}
