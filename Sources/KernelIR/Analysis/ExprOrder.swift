// SPDX-License-Identifier: Apache-2.0
// A total order of expressions that depends on their structure only, so that what is sorted by it is deterministic.

import TensorCore

extension Expr {
  /// Whether this comes before another: axes by number, sizes, locals, then everything else by its parts.
  package func precedes(_ other: Expr) -> Bool { Self.compare(self, other) < 0 }

  private static func compare(_ a: Expr, _ b: Expr) -> Int {
    if a == b { return 0 }
    let (x, y) = (a.rank, b.rank)
    if x != y { return x < y ? -1 : 1 }
    let (i, j) = (a.children, b.children)
    if i.count != j.count { return i.count < j.count ? -1 : 1 }
    for (p, q) in zip(i, j) {
      let order = compare(p, q)
      if order != 0 { return order }
    }
    return a.detail.lexicographicallyPrecedes(b.detail) ? -1 : b.detail.lexicographicallyPrecedes(a.detail) ? 1 : 0
  }

  private var rank: Int {
    switch kind {
    case .axis: 0
    case .size: 1
    case .local: 2
    case .load: 3
    case .binary: 4
    case .unary: 5
    case .select: 6
    case .cast: 7
    case .bitcast: 8
    case .integer: 9
    case .real: 10
    }
  }

  /// What distinguishes nodes of one kind with the same operands.
  private var detail: [Int64] {
    let type = Int64(dtype.rawValue)
    switch kind {
    case .integer(let value): return [value, type]
    case .real(let value): return [Int64(bitPattern: value.bitPattern), type]
    case .axis(let axis): return [Int64(axis.id)] + axis.name.utf8.map(Int64.init)
    case .size(let index): return [Int64(index)]
    case .local(let local): return [Int64(local.id), Int64(local.dtype.rawValue)] + local.name.utf8.map(Int64.init)
    case .load(let buffer, _, _): return [Int64(buffer), type]
    case .unary(let function, _): return function.rawValue.utf8.map(Int64.init) + [type]
    case .binary(let function, _, _): return function.rawValue.utf8.map(Int64.init) + [type]
    case .select, .cast, .bitcast: return [type]
    }
  }
}
