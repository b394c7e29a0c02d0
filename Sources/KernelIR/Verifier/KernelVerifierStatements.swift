// SPDX-License-Identifier: Apache-2.0
// The rules of statements.

import TensorCore

extension KernelVerifier {
  /// Verifies a list of statements; definitions stay in the scope until the list's end.
  mutating func verify(_ statements: [Statement], _ outer: inout Scope) {
    var scope = outer
    scope.depth += 1
    guard scope.depth <= KernelLimits.statementDepth else {
      report("kernel-too-deep", "statements nest deeper than \(KernelLimits.statementDepth)")
      return
    }
    for statement in statements { verify(statement, &scope) }
    // What a branch or loop assigned stays true of the variables outside it.
    for (id, state) in outer.locals {
      outer.locals[id]?.dependsOnTile = scope.locals[id]?.dependsOnTile ?? state.dependsOnTile
    }
  }

  private mutating func verify(_ statement: Statement, _ scope: inout Scope) {
    if case .contract(let contract) = statement {
      verify(contract, &scope, statement)
      return
    }
    verify(statement.expressions, scope, statement)
    switch statement {
    case .loop(let loop):
      verify(loop, &scope, statement)
    case .define(let local, let value):
      define(local, value, isVariable: false, &scope, statement)
    case .variable(let local, let value):
      define(local, value, isVariable: true, &scope, statement)
    case .assign(let local, let value):
      guard let state = variable(local, scope, statement) else { return }
      expect(value, local.dtype, "the value of '\(local.name)'", statement)
      if state.vector < scope.vector {
        report("kernel-vector", "'\(local.name)' from outside a vector loop is assigned in it", statement)
      }
      updated(local, [value], &scope)
    case .accumulate(let local, let combiner, let value):
      guard variable(local, scope, statement) != nil else { return }
      expect(value, local.dtype, "the value combined with '\(local.name)'", statement)
      if !combiner.accepts(local.dtype) {
        report("kernel-type", "'\(combiner.rawValue)' does not combine \(local.dtype)", statement)
      }
      accumulate(local, combiner, scope, statement)
      updated(local, [value], &scope)
    case .accumulateIndex(let value, let index, let combiner, let e, let at, _):
      guard variable(value, scope, statement) != nil, variable(index, scope, statement) != nil else { return }
      expect(e, value.dtype, "the value compared with '\(value.name)'", statement)
      expect(at, index.dtype, "the index for '\(index.name)'", statement)
      if index.dtype != .i64 { report("kernel-type", "the index '\(index.name)' is not i64", statement) }
      if combiner != .max && combiner != .min || !combiner.accepts(value.dtype) {
        report("kernel-type", "'\(combiner.rawValue)' of \(value.dtype) has no index", statement)
      }
      accumulate(value, combiner, scope, statement)
      accumulate(index, combiner, scope, statement)
      updated(value, [e], &scope)
      updated(index, [e, at], &scope)
    case .store(let buffer, let offset, let value, let condition):
      verifyStore(buffer, offset, value, condition, scope, statement)
    case .branch(let condition, let then, let otherwise):
      expect(condition, .bool, "the condition", statement)
      var inner = scope
      inner.isConditional = true
      verify(then, &inner)
      scope.locals = inner.locals
      verify(otherwise, &inner)
      for (id, state) in inner.locals where state.dependsOnTile { scope.locals[id]?.dependsOnTile = true }
    case .repeatWhile(let condition, let body):
      expect(condition, .bool, "the condition", statement)
      if scope.vector > 0 { report("kernel-vector", "a 'while' stands inside a vector loop or an epilogue", statement) }
      verify(body, &scope)
    case .prefetch(_, let offset):
      expect(offset, .i64, "the offset", statement)
      if !offset.loads.isEmpty { report("kernel-type", "the offset of a prefetch reads memory", statement) }
    case .contract:
      break
    }
  }

  // MARK: Locals

  private mutating func define(
    _ local: Local, _ value: Expr, isVariable: Bool, _ scope: inout Scope, _ statement: Statement
  ) {
    expect(value, local.dtype, "the value of '\(local.name)'", statement)
    if !local.dtype.isComputeType {
      report("kernel-type", "'\(local.name)' has the type \(local.dtype), which exists in memory only", statement)
    }
    if scope.locals[local.id] != nil {
      report("kernel-scope", "the number of '\(local.name)' is already that of a variable in scope", statement)
    }
    scope.locals[local.id] = LocalState(
      local: local, isVariable: isVariable, vector: scope.vector, dependsOnTile: dependsOnTile(value, scope))
  }

  /// The state of a local that may be updated; reports one that may not.
  private mutating func variable(_ local: Local, _ scope: Scope, _ statement: Statement) -> LocalState? {
    guard let state = scope.locals[local.id], state.local == local else {
      report("kernel-scope", "the variable '\(local.name)' is not in scope", statement)
      return nil
    }
    guard state.isVariable else {
      report("kernel-scope", "'\(local.name)' is defined once and cannot be updated", statement)
      return nil
    }
    return state
  }

  private func updated(_ local: Local, _ values: [Expr], _ scope: inout Scope) {
    if scope.isConditional || values.contains(where: { dependsOnTile($0, scope) }) {
      scope.locals[local.id]?.dependsOnTile = true
    }
  }

  private mutating func accumulate(_ local: Local, _ combiner: Combiner, _ scope: Scope, _ statement: Statement) {
    guard let state = scope.locals[local.id], state.vector < scope.vector else { return }
    if scope.isEpilogue {
      report("kernel-vector", "'\(local.name)' from outside an epilogue is updated in it", statement)
      return
    }
    if let before = outerUses[local]?.combiner, before != combiner {
      report(
        "kernel-vector",
        "'\(local.name)' is combined by both '\(before.rawValue)' and '\(combiner.rawValue)' in one "
          + "vector loop", statement)
    }
    outerUses[local, default: OuterUse()].combiner = combiner
  }

  // MARK: Stores

  private mutating func verifyStore(
    _ buffer: Int, _ offset: Expr, _ value: Expr, _ condition: Expr?, _ scope: Scope, _ statement: Statement
  ) {
    guard let dtype = kernel.dtype(ofBuffer: buffer) else {
      report("kernel-buffer", "there is no buffer \(buffer)", statement)
      return
    }
    expect(offset, .i64, "the offset", statement)
    expect(value, dtype.computeType, "the value", statement)
    if let condition { expect(condition, .bool, "the guard", statement) }
    if dtype.bits < 8 { report("kernel-type", "elements of \(dtype) cannot be stored one by one", statement) }
    guard buffer < kernel.parameters.count else { return }
    let parameter = kernel.parameters[buffer]
    if parameter.access == .read {
      report("kernel-access", "the buffer '\(parameter.name)' is written but only readable", statement)
    }
    if condition == nil && !scope.isConditional && kernel.tiles.integerValue != 1 && !dependsOnTile(offset, scope) {
      report("kernel-race", "every tile writes the same elements of '\(parameter.name)'", statement)
    }
  }

  // MARK: Loops

  private mutating func verify(_ loop: Loop, _ scope: inout Scope, _ statement: Statement) {
    expect(loop.extent, .i64, "the extent", statement)
    var inner = scope
    introduce(loop.axis, &inner, statement)
    if scope.isEpilogue { report("kernel-contract", "a loop stands in an epilogue", statement) }
    switch loop.mode {
    case .serial:
      break
    case .unrolled:
      if !(0...KernelLimits.unrolledExtent).contains(Int(loop.extent.integerValue ?? -1)) {
        report(
          "kernel-loop", "an unrolled loop needs a constant extent of at most \(KernelLimits.unrolledExtent)", statement
        )
      }
    case .vector(let unroll):
      if !(1...16).contains(unroll) {
        report("kernel-loop", "\(unroll) vectors at a time, expected 1 to 16", statement)
      }
      if scope.vector > 0 {
        report("kernel-vector", "a vector loop stands inside a vector loop or an epilogue", statement)
      }
      vectorCount += 1
      inner.vector = vectorCount
      let outside = outerUses
      outerUses = [:]
      verify(loop.body, &inner)
      for (local, use) in outerUses.sorted(by: { $0.key.id < $1.key.id }) where use.combiner != nil && use.isRead {
        report("kernel-vector", "'\(local.name)' is read in the vector loop that accumulates it", statement)
      }
      outerUses = outside
      scope.locals = inner.locals
      return
    }
    verify(loop.body, &inner)
    scope.locals = inner.locals
  }

  mutating func introduce(_ axis: Axis, _ scope: inout Scope, _ statement: Statement) {
    if scope.axes[axis.id] != nil {
      report("kernel-scope", "the number of axis '\(axis.name)' is already that of an axis in scope", statement)
    }
    scope.axes[axis.id] = axis
  }
}
