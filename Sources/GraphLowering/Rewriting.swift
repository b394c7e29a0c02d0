// SPDX-License-Identifier: Apache-2.0
// Rewriting axes and buffer numbers.

import KernelIR

extension Expr {
  /// The expression with axes replaced.
  func substituting(_ axes: [Axis: Expr]) -> Expr {
    var substitution = Substitution(axes: axes)
    return substitution(self)
  }
}

extension Statement {
  /// The statement with axes replaced.
  func substituting(_ axes: [Axis: Expr]) -> Statement {
    var substitution = Substitution(axes: axes)
    return substitution([self])[0]
  }

  func visitExpressions(_ body: (Expr) -> Void) { [self].visitAll { $0.expressions.forEach(body) } }
  func visitAll(_ body: (Statement) -> Void) { [self].visitAll(body) }
}
