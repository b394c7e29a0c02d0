// SPDX-License-Identifier: Apache-2.0
// Walking and rebuilding expressions and statements.

/// Limits that keep every walk over a kernel bounded; the verifier and the parser hold them.
package enum KernelLimits {
  /// The height of an expression.
  package static let expressionHeight = 500
  /// Loops and branches inside each other.
  package static let statementDepth = 64
  /// Iterations of an unrolled loop.
  package static let unrolledExtent = 64
}

extension Expr.Kind {
  /// The operands, in order: a load's offset and guard, a function's arguments.
  var operands: [Expr] {
    switch self {
    case .integer, .real, .axis, .size, .local: []
    case .load(_, let offset, let condition): condition.map { [offset, $0] } ?? [offset]
    case .unary(_, let x), .cast(let x), .bitcast(let x): [x]
    case .binary(_, let a, let b): [a, b]
    case .select(let c, let a, let b): [c, a, b]
    }
  }
}

extension Expr {
  /// The operands, in order: a load's offset and guard, a function's arguments.
  package var children: [Expr] { kind.operands }

  /// The same node over other operands, rebuilt with the folding constructors; itself when no operand changes.
  package func mapChildren(_ transform: (Expr) -> Expr) -> Expr {
    switch kind {
    case .integer, .real, .axis, .size, .local:
      return self
    case .load(let buffer, let offset, let condition):
      let (newOffset, newCondition) = (transform(offset), condition.map(transform))
      if newOffset === offset && newCondition === condition { return self }
      return .load(buffer, dtype, at: newOffset, guard: newCondition)
    case .unary(let function, let x):
      let new = transform(x)
      return new === x ? self : .unary(function, new)
    case .cast(let x):
      let new = transform(x)
      return new === x ? self : new.cast(to: dtype)
    case .bitcast(let x):
      let new = transform(x)
      return new === x ? self : Expr(.bitcast(new), dtype)
    case .binary(let function, let a, let b):
      let (x, y) = (transform(a), transform(b))
      return x === a && y === b ? self : .binary(function, x, y)
    case .select(let c, let a, let b):
      let (p, x, y) = (transform(c), transform(a), transform(b))
      return p === c && x === a && y === b ? self : .select(p, x, y)
    }
  }

  /// Visits every distinct node under this one once, operands before their users.
  package func visit(_ seen: inout Set<Expr>, _ body: (Expr) -> Void) {
    guard seen.insert(self).inserted else { return }
    for child in children { child.visit(&seen, body) }
    body(self)
  }

  /// Whether any node under this one satisfies a condition.
  package func contains(where condition: (Expr) -> Bool) -> Bool {
    var seen: Set<Expr> = []
    var found = false
    visit(&seen) { if !found && condition($0) { found = true } }
    return found
  }

  /// Whether the value depends on an axis.
  package func uses(_ axis: Axis) -> Bool {
    contains { if case .axis(axis) = $0.kind { true } else { false } }
  }
}

extension Statement {
  /// The expressions of this statement itself, without those of the statements inside it.
  package var expressions: [Expr] {
    switch self {
    case .loop(let loop): [loop.extent]
    case .define(_, let e), .variable(_, let e), .assign(_, let e), .accumulate(_, _, let e): [e]
    case .accumulateIndex(_, _, _, let e, let at, _): [e, at]
    case .store(_, let offset, let value, let condition): [offset, value] + (condition.map { [$0] } ?? [])
    case .prefetch(_, let offset): [offset]
    case .branch(let condition, _, _), .repeatWhile(let condition, _): [condition]
    case .contract(let c):
      [c.rows, c.columns] + c.depth.flatMap { [$0.extent, $0.aStride, $0.bStride] } + [c.aOffset, c.bOffset]
    }
  }

  /// The lists of statements directly inside this one.
  package var bodies: [[Statement]] {
    switch self {
    case .loop(let loop): [loop.body]
    case .branch(_, let then, let otherwise): [then, otherwise]
    case .repeatWhile(_, let body): [body]
    case .contract(let contract): [contract.epilogue]
    default: []
    }
  }

  /// The same statement with its own expressions and the lists inside it replaced.
  package func map(expressions e: (Expr) -> Expr, bodies b: ([Statement]) -> [Statement]) -> Statement {
    switch self {
    case .loop(let loop): return .loop(Loop(loop.axis, e(loop.extent), loop.mode, b(loop.body)))
    case .define(let local, let x): return .define(local, e(x))
    case .variable(let local, let x): return .variable(local, e(x))
    case .assign(let local, let x): return .assign(local, e(x))
    case .accumulate(let local, let combiner, let x): return .accumulate(local, combiner, e(x))
    case .accumulateIndex(let value, let index, let combiner, let x, let at, let last):
      return .accumulateIndex(value: value, index: index, combiner, e(x), at: e(at), lastIndex: last)
    case .store(let buffer, let offset, let value, let condition):
      return .store(buffer: buffer, offset: e(offset), value: e(value), guard: condition.map(e))
    case .prefetch(let buffer, let offset): return .prefetch(buffer: buffer, offset: e(offset))
    case .branch(let condition, let then, let otherwise):
      return .branch(e(condition), then: b(then), else: b(otherwise))
    case .repeatWhile(let condition, let body): return .repeatWhile(e(condition), b(body))
    case .contract(var c):
      c.rows = e(c.rows)
      c.columns = e(c.columns)
      c.depth = c.depth.map { DepthAxis(extent: e($0.extent), aStride: e($0.aStride), bStride: e($0.bStride)) }
      c.aOffset = e(c.aOffset)
      c.bOffset = e(c.bOffset)
      c.epilogue = b(c.epilogue)
      return .contract(c)
    }
  }

  /// The locals that this statement itself defines.
  package var definedLocals: [Local] {
    switch self {
    case .define(let local, _), .variable(let local, _): [local]
    case .contract(let contract): contract.accumulators
    default: []
    }
  }

  /// The locals that this statement itself changes.
  package var updatedLocals: [Local] {
    switch self {
    case .assign(let local, _), .accumulate(let local, _, _): [local]
    case .accumulateIndex(let value, let index, _, _, _, _): [value, index]
    default: []
    }
  }

  /// The axes that this statement itself introduces.
  package var definedAxes: [Axis] {
    switch self {
    case .loop(let loop): [loop.axis]
    case .contract(let contract): [contract.rowAxis, contract.columnAxis]
    default: []
    }
  }
}

extension Sequence where Element == Statement {
  /// Visits every statement and those inside it, in the order of the text.
  package func visitAll(_ body: (Statement) -> Void) {
    for statement in self {
      body(statement)
      for inner in statement.bodies { inner.visitAll(body) }
    }
  }
}
