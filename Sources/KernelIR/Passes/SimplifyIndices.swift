// SPDX-License-Identifier: Apache-2.0
// Simplifies every index, guard and condition of a kernel by the ranges of its axes.

/// Rewrites of whole kernels; each keeps every bit of the results.
package enum KernelPasses {
  /// Index expressions in their simplest form, guards that always hold dropped, stores and branches that never run
  /// removed. Sizes are taken to be at least 1 (see `IndexSimplifier`).
  package static func simplifyIndices(_ kernel: Kernel) -> Kernel {
    var kernel = kernel
    var scope = IndexSimplifier()
    kernel.tiles = scope.simplify(kernel.tiles)
    scope.add(kernel.tileAxis, extent: kernel.tiles)
    kernel.body = simplified(kernel.body, scope)
    return kernel
  }

  private static func simplified(_ statements: [Statement], _ scope: IndexSimplifier) -> [Statement] {
    var scope = scope
    var result: [Statement] = []
    for statement in statements { result += simplified(statement, &scope) }
    return result
  }

  /// The statements that stand for one; definitions are added to the scope.
  private static func simplified(_ statement: Statement, _ scope: inout IndexSimplifier) -> [Statement] {
    switch statement {
    case .loop(var loop):
      loop.extent = scope.simplify(loop.extent)
      if let extent = loop.extent.integerValue, extent <= 0 { return [] }
      var inner = scope
      inner.add(loop.axis, extent: loop.extent)
      loop.body = simplified(loop.body, inner)
      return [.loop(loop)]
    case .define(let local, let value):
      let new = scope.simplify(value)
      scope.add(local, definition: new)
      return [.define(local, new)]
    case .store(let buffer, let offset, let value, let condition):
      let (newOffset, newCondition) = scope.simplify(offset: offset, guard: condition)
      if newCondition?.integerValue == 0 { return [] }
      return [.store(buffer: buffer, offset: newOffset, value: scope.simplify(value), guard: newCondition)]
    case .prefetch(let buffer, let offset): return [.prefetch(buffer: buffer, offset: scope.simplify(offset))]
    case .branch(let condition, let then, let otherwise):
      return branch(scope.simplify(condition), then, otherwise, scope)
    case .contract(var c):
      c.rows = scope.simplify(c.rows)
      c.columns = scope.simplify(c.columns)
      c.depth = c.depth.map {
        DepthAxis(
          extent: scope.simplify($0.extent), aStride: scope.simplify($0.aStride), bStride: scope.simplify($0.bStride))
      }
      c.bOffset = scope.simplify(c.bOffset)
      var inner = scope
      inner.add(c.rowAxis, extent: c.rows)
      c.aOffset = inner.simplify(c.aOffset)
      inner.add(c.columnAxis, extent: c.columns)
      c.epilogue = simplified(c.epilogue, inner)
      return [.contract(c)]
    case .variable, .assign, .accumulate, .accumulateIndex, .repeatWhile:
      var copy = scope
      let outer = scope
      let result = statement.map(expressions: { copy.simplify($0) }, bodies: { simplified($0, outer) })
      scope = copy
      return [result]
    }
  }

  private static func branch(
    _ condition: Expr, _ then: [Statement], _ otherwise: [Statement], _ scope: IndexSimplifier
  ) -> [Statement] {
    if let value = condition.integerValue {
      let taken = simplified(value != 0 ? then : otherwise, scope)
      // Definitions would otherwise outlive the branch.
      let defines = taken.contains { !$0.definedLocals.isEmpty }
      return defines ? [.branch(.bool(true), then: taken, else: [])] : taken
    }
    var (holds, fails) = (scope, scope)
    holds.add(fact: condition)
    fails.add(fact: condition, isTrue: false)
    return [.branch(condition, then: simplified(then, holds), else: simplified(otherwise, fails))]
  }
}
