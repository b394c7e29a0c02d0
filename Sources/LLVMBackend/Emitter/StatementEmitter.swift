// SPDX-License-Identifier: Apache-2.0
// Emits statements, with branches and locals.

import KernelIR
import TensorCore

extension KernelEmitter {
  package func emit(_ statements: [Statement]) {
    for statement in statements {
      volatileMemo.removeAll(keepingCapacity: true)
      emit(statement)
    }
    volatileMemo.removeAll(keepingCapacity: true)
  }

  private func emit(_ statement: Statement) {
    switch statement {
    case .loop(let loop): emitLoop(loop)
    case .define(let local, let e): define(local, e)
    case .variable(let local, let e):
      let value = emitLanes(e)
      let address = b.variable(value.type)
      b.store(value, address)
      locals[local.id] = .variable(address, value.type)
    case .assign(let local, let e): update(local) { _ in emit(e) }
    case .accumulate(let local, let combiner, let e): accumulate(local, combiner, e)
    case .accumulateIndex(let value, let index, let combiner, let e, let at, let lastIndex):
      accumulateIndex(IndexReduction(value: value, index: index, isMax: combiner == .max, lastIndex: lastIndex), e, at)
    case .store(let buffer, let offset, let value, let guardian): emitStore(buffer, offset, value, guardian)
    case .prefetch(let index, let offset):
      guard let buffer = buffer(index) else { return }
      // One line for all lanes: they are neighbours where it pays.
      b.prefetch(b.address(buffer.pointer, first(offset), ValueType(storage(buffer.dtype))), near: false)
    case .branch(let condition, let then, let otherwise): branch(condition, then, otherwise)
    case .repeatWhile(let condition, let body): repeatWhile(condition, body)
    case .contract(let contract): emitContract(contract)
    }
  }

  private func define(_ local: Local, _ e: Expr) {
    let placement = placement(of: e)
    if e.dtype == .i64, !placement.hasLoad, !placement.isVolatile, !placement.isPinned {
      locals[local.id] = .alias(e)
      return
    }
    let value = emit(e)
    locals[local.id] = .value(value, level: availability(of: e))
  }

  /// Replaces a variable's value in the lanes that are active.
  func update(_ local: Local, _ change: (Value) -> Value) {
    guard case .variable(let address, let type) = locals[local.id] else {
      return fail("'\(local.name)' is not a variable")
    }
    let old = b.load(type, address)
    let new = change(old)
    guard new.lanes <= type.lanes else {
      return fail("'\(local.name)' is changed by the lanes of a vector loop")
    }
    guard let lanes else { return b.store(new, address) }
    guard type.isVector else { return fail("'\(local.name)' is changed inside a vector loop") }
    let all = b.broadcast(new, type.lanes)
    b.store(lanes.mask.map { b.select($0, all, old) } ?? all, address)
  }

  private func branch(_ condition: Expr, _ then: [Statement], _ otherwise: [Statement]) {
    let value = emit(condition)
    guard value.type.isVector else {
      let orElse = { self.framed(.conditional) { self.emit(otherwise) } }
      return b.branch(value, then: { framed(.conditional) { emit(then) } }, else: otherwise.isEmpty ? nil : orElse)
    }
    masked(value, then)
    if !otherwise.isEmpty { masked(b.not(value), otherwise) }
  }

  /// Runs statements in the lanes where a condition holds, if there is one.
  private func masked(_ condition: Value, _ body: [Statement]) {
    let outer = lanes?.mask
    let mask = outer.map { b.and($0, condition) } ?? condition
    b.branch(
      b.anyLane(mask),
      then: {
        framed(.conditional) {
          lanes?.mask = mask
          emit(body)
          lanes?.mask = outer
        }
      })
  }

  private func repeatWhile(_ condition: Expr, _ body: [Statement]) {
    guard lanes == nil else { return fail("'repeatWhile' inside a vector loop") }
    let (head, inside, end) = (b.block(), b.block(), b.block())
    b.jump(head)
    b.move(to: head)
    framed(.conditional) {
      b.jump(emit(condition), inside, end)
      b.move(to: inside)
      emit(body)
      b.jump(head)
    }
    b.move(to: end)
  }
}
