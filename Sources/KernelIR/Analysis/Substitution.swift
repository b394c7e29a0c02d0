// SPDX-License-Identifier: Apache-2.0
// Replacing axes, locals, sizes and buffers in expressions and statements.

/// What stands for what. Axes and locals that statements define keep their definitions unless they are renamed.
package struct Substitution {
  package var axes: [Axis: Expr] = [:]
  package var locals: [Local: Expr] = [:]
  package var sizes: [Int: Expr] = [:]
  /// New numbers of buffers.
  package var buffers: [Int: Int] = [:]
  /// New names of axes and locals, where they are defined and where they are used.
  package var renamedAxes: [Axis: Axis] = [:]
  package var renamedLocals: [Local: Local] = [:]
  private var known: [Expr: Expr] = [:]

  package init(axes: [Axis: Expr] = [:], locals: [Local: Expr] = [:], buffers: [Int: Int] = [:]) {
    self.axes = axes
    self.locals = locals
    self.buffers = buffers
  }

  /// The expression with everything replaced, folded where constants meet. Change the tables before, not between,
  /// calls: results are remembered.
  package mutating func callAsFunction(_ e: Expr) -> Expr {
    if let result = known[e] { return result }
    let result: Expr
    switch e.kind {
    case .axis(let axis):
      result = axes[axis] ?? renamedAxes[axis].map { .axis($0) } ?? e
    case .local(let local):
      result = locals[local] ?? renamedLocals[local].map { .local($0) } ?? e
    case .size(let index):
      result = sizes[index] ?? e
    case .load(let buffer, let offset, let condition):
      result = .load(buffers[buffer] ?? buffer, e.dtype, at: self(offset), guard: condition.map { self($0) })
    default:
      var copy = self
      result = e.mapChildren { copy($0) }
      self = copy
    }
    known[e] = result
    return result
  }

  /// Statements with everything replaced.
  package mutating func callAsFunction(_ statements: [Statement]) -> [Statement] {
    var result: [Statement] = []
    for statement in statements { result.append(self(statement)) }
    return result
  }

  private mutating func callAsFunction(_ statement: Statement) -> Statement {
    var copy = self
    let bodies = statement.bodies.map { copy($0) }
    var next = bodies.makeIterator()
    let replaced = statement.map(expressions: { copy($0) }, bodies: { next.next() ?? $0 })
    self = copy
    return renamed(replaced)
  }

  private func renamed(_ statement: Statement) -> Statement {
    func local(_ x: Local) -> Local { renamedLocals[x] ?? x }
    switch statement {
    case .loop(var loop):
      loop.axis = renamedAxes[loop.axis] ?? loop.axis
      return .loop(loop)
    case .define(let x, let e): return .define(local(x), e)
    case .variable(let x, let e): return .variable(local(x), e)
    case .assign(let x, let e): return .assign(local(x), e)
    case .accumulate(let x, let combiner, let e): return .accumulate(local(x), combiner, e)
    case .accumulateIndex(let value, let index, let combiner, let e, let at, let last):
      return .accumulateIndex(value: local(value), index: local(index), combiner, e, at: at, lastIndex: last)
    case .store(let buffer, let offset, let value, let condition):
      return .store(buffer: buffers[buffer] ?? buffer, offset: offset, value: value, guard: condition)
    case .prefetch(let buffer, let offset): return .prefetch(buffer: buffers[buffer] ?? buffer, offset: offset)
    case .contract(var c):
      c.rowAxis = renamedAxes[c.rowAxis] ?? c.rowAxis
      c.columnAxis = renamedAxes[c.columnAxis] ?? c.columnAxis
      c.accumulators = c.accumulators.map(local)
      c.a = buffers[c.a] ?? c.a
      c.b = buffers[c.b] ?? c.b
      return .contract(c)
    case .branch, .repeatWhile: return statement
    }
  }
}
