// SPDX-License-Identifier: Apache-2.0
// Whether a kernel may write its result over one of its operands.

import KernelIR

extension Kernel {
  /// Whether every load of one buffer is at the offset of the only store to another, in the store's own statement or
  /// before it, so that both may be the same memory.
  func mayShare(read: Int, write: Int) -> Bool {
    var target: Expr?
    var isPossible = true
    var hasStored = false
    func check(_ expr: Expr) {
      for load in expr.loads where load.buffer == read {
        // After the store the element is gone, and elsewhere it may be gone already.
        if hasStored || (target.map { $0 != load.offset } ?? true) { isPossible = false }
      }
    }
    func findStore(_ statements: [Statement]) {
      for statement in statements {
        statement.visitAll { inner in
          if case .store(write, let offset, _, _) = inner {
            if target != nil { isPossible = false }
            target = offset
          }
        }
      }
    }
    func walk(_ statements: [Statement], isTop: Bool) {
      for statement in statements {
        switch statement {
        case .loop(let loop):
          check(loop.extent)
          walk(loop.body, isTop: false)
        case .branch(let condition, let a, let b):
          check(condition)
          walk(a, isTop: false)
          walk(b, isTop: false)
        case .repeatWhile: isPossible = false
        case .prefetch: break
        case .contract(let contract):
          // Operands of the product are read again for every panel.
          if contract.a == read || contract.b == read { isPossible = false }
          walk(contract.epilogue, isTop: false)
        case .define(_, let value), .variable(_, let value), .assign(_, let value), .accumulate(_, _, let value):
          check(value)
        case .accumulateIndex(_, _, _, let value, let at, _):
          check(value)
          check(at)
        case .store(let buffer, _, let value, let condition):
          check(value)
          if let condition { check(condition) }
          if buffer == write { hasStored = true }
        }
        // A later pass over the same tile would read what was overwritten.
        if isTop && hasStored {
          let later = statements.drop { $0 != statement }.dropFirst()
          for next in later where next.reads(read) { isPossible = false }
        }
      }
    }
    findStore(body)
    guard target != nil else { return false }
    walk(body, isTop: true)
    return isPossible
  }
}

extension Statement {
  /// Whether a statement loads from a buffer anywhere.
  func reads(_ buffer: Int) -> Bool {
    var found = false
    visitExpressions { expr in if expr.loads.contains(where: { $0.buffer == buffer }) { found = true } }
    visitAll { if case .contract(let contract) = $0, contract.a == buffer || contract.b == buffer { found = true } }
    return found
  }
}
