// SPDX-License-Identifier: Apache-2.0
// Moves what a loop computes in every iteration alike in front of it.
//
// Index arithmetic stays where it is: machine code generation moves it as well, and offsets written out in the axes
// are what tells strides. Loads move when the loop surely runs and nothing in it stores to their buffer.

import TensorCore

extension KernelPasses {
  /// Loop-invariant loads and computations as `define`s before their loops.
  package static func hoistInvariants(_ kernel: Kernel) -> Kernel {
    var hoister = InvariantHoister(kernel)
    var kernel = kernel
    kernel.body = hoister.hoisted(kernel.body, hoister.outerScope)
    return kernel
  }
}

private struct InvariantHoister {
  /// Where the kernel's own axis is known; the scopes of loops derive from it.
  let outerScope: IndexSimplifier
  private var nextLocal: Int
  private let parameterCount: Int

  init(_ kernel: Kernel) {
    var scope = IndexSimplifier()
    scope.add(kernel.tileAxis, extent: kernel.tiles)
    outerScope = scope
    parameterCount = kernel.parameters.count
    var last = -1
    kernel.body.visitAll { for local in $0.definedLocals { last = max(last, local.id) } }
    nextLocal = last + 1
  }

  mutating func hoisted(_ statements: [Statement], _ scope: IndexSimplifier) -> [Statement] {
    var scope = scope
    var result: [Statement] = []
    for statement in statements {
      switch statement {
      case .loop(var loop):
        var inner = scope
        inner.add(loop.axis, extent: loop.extent)
        loop.body = hoisted(loop.body, inner)
        result += hoist(out: loop, &scope)
      case .define(let local, let value):
        scope.add(local, definition: value)
        result.append(statement)
      case .branch(let condition, let then, let otherwise):
        result.append(.branch(condition, then: hoisted(then, scope), else: hoisted(otherwise, scope)))
      case .repeatWhile(let condition, let body):
        result.append(.repeatWhile(condition, hoisted(body, scope)))
      default:
        result.append(statement)
      }
    }
    return result
  }

  /// The definitions that one loop's invariants need, then the loop that uses them.
  private mutating func hoist(out loop: Loop, _ scope: inout IndexSimplifier) -> [Statement] {
    var candidates = Candidates(loop, surelyRuns: scope.isPositive(loop.extent))
    // What a branch or a further loop guards may never be computed, so only the loop's own statements are searched.
    for statement in loop.body { for e in statement.expressions { candidates.search(e) } }
    guard !candidates.found.isEmpty else { return [.loop(loop)] }
    var result: [Statement] = []
    var substitution = Replacement()
    for e in candidates.found {
      let local = Local(id: nextLocal, name: "invariant\(nextLocal)", dtype: e.dtype)
      nextLocal += 1
      substitution.locals[e] = .local(local)
      result.append(.define(local, e))
      scope.add(local, definition: e)
    }
    var loop = loop
    loop.body = loop.body.map { statement in
      statement.map(expressions: { substitution($0) }, bodies: { $0 })
    }
    return result + [.loop(loop)]
  }

  /// Finds the largest invariant expressions worth a local.
  private struct Candidates {
    private(set) var found: [Expr] = []
    private var known: Set<Expr> = []
    private let axis: Axis
    private var changingLocals: Set<Local> = []
    private var storedBuffers: Set<Int> = []
    private let surelyRuns: Bool
    private var invariant: [Expr: Bool] = [:]

    init(_ loop: Loop, surelyRuns: Bool) {
      axis = loop.axis
      self.surelyRuns = surelyRuns
      for statement in loop.body {
        [statement].visitAll { inner in
          changingLocals.formUnion(inner.definedLocals)
          changingLocals.formUnion(inner.updatedLocals)
          if case .store(let buffer, _, _, _) = inner { storedBuffers.insert(buffer) }
        }
      }
    }

    mutating func search(_ e: Expr) {
      guard known.insert(e).inserted else { return }
      if isInvariant(e) && isWorthwhile(e) {
        found.append(e)
        return
      }
      for child in e.children { search(child) }
    }

    private mutating func isInvariant(_ e: Expr) -> Bool {
      if let known = invariant[e] { return known }
      var result: Bool
      switch e.kind {
      case .axis(let other): result = other.id != axis.id
      case .local(let local): result = !changingLocals.contains(local)
      case .load(let buffer, _, _): result = surelyRuns && !storedBuffers.contains(buffer)
      default: result = true
      }
      for child in e.children where !isInvariant(child) { result = false }
      invariant[e] = result
      return result
    }

    private func isWorthwhile(_ e: Expr) -> Bool {
      switch e.kind {
      case .integer, .real, .axis, .size, .local: return false
      case .load: return true
      default: break
      }
      if e.dtype.isFloat { return true }
      return e.contains { if case .load = $0.kind { true } else { $0.dtype.isFloat } }
    }
  }

  /// Whole expressions replaced by locals.
  private struct Replacement {
    var locals: [Expr: Expr] = [:]

    mutating func callAsFunction(_ e: Expr) -> Expr {
      if let known = locals[e] { return known }
      var copy = self
      let result = e.mapChildren { copy($0) }
      self = copy
      locals[e] = result
      return result
    }
  }
}

extension IndexSimplifier {
  /// Whether an expression is provably at least 1.
  fileprivate mutating func isPositive(_ e: Expr) -> Bool { isPositiveDivisor(polynomial(e)) }
}
