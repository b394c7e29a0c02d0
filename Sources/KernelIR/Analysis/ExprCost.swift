// SPDX-License-Identifier: Apache-2.0
// What computing one element of an expression takes: its loads, and its arithmetic.

import TensorCore

extension Expr {
  /// Every load in the expression, once each.
  package var loads: [(buffer: Int, offset: Expr, condition: Expr?)] {
    var found: [(buffer: Int, offset: Expr, condition: Expr?)] = []
    var seen: Set<Expr> = []
    visit(&seen) { node in
      if case .load(let buffer, let offset, let condition) = node.kind { found.append((buffer, offset, condition)) }
    }
    return found
  }

  /// A rough number of cycles that one element costs beyond its loads.
  package var arithmeticCost: Double {
    var cost = 0.0
    var seen: Set<Expr> = []
    visit(&seen) { node in
      switch node.kind {
      case .integer, .real, .axis, .size, .local, .load: break
      case .cast, .bitcast, .select: cost += node.dtype == .i64 ? 0 : 1
      case .unary(let function, _):
        switch function {
        case .neg, .abs, .sign, .floor, .ceil, .trunc, .round, .isNaN, .isInf, .not, .bitNot: cost += 1
        case .sqrt, .reciprocal: cost += 4
        default: cost += 12
        }
      case .binary(let function, let a, _):
        if a.dtype == .i64 { break }
        switch function {
        case .div, .floorDiv, .mod, .rem: cost += 4
        case .pow, .atan2: cost += 30
        default: cost += 1
        }
      }
    }
    return cost
  }
}
