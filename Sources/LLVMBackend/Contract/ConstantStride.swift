// SPDX-License-Identifier: Apache-2.0
// How an index grows along an axis.

import KernelIR

extension Expr {
  /// The constant by which this i64 expression grows with each step of an axis; nil when it is not linear in it, or its
  /// step is known at run time only.
  func constantStride(along axis: Axis) -> Int64? {
    switch kind {
    case .axis(let other): return other == axis ? 1 : 0
    case .binary(.add, let x, let y):
      guard let x = x.constantStride(along: axis), let y = y.constantStride(along: axis) else { return nil }
      return x &+ y
    case .binary(.sub, let x, let y):
      guard let x = x.constantStride(along: axis), let y = y.constantStride(along: axis) else { return nil }
      return x &- y
    case .binary(.mul, let x, let y):
      guard let step = x.constantStride(along: axis), let factor = y.constantStride(along: axis) else { return nil }
      if step == 0 && factor == 0 { return 0 }
      if factor == 0, let value = y.integerValue { return step &* value }
      return nil
    default: return mentions(axis) ? nil : 0
    }
  }

  private func mentions(_ axis: Axis) -> Bool {
    var seen: Set<Expr> = []
    var found = false
    visit(&seen) { if case .axis(axis) = $0.kind { found = true } }
    return found
  }
}
