// SPDX-License-Identifier: Apache-2.0
// Reasoning about sizes that may be symbolic.

import GraphIR
import KernelIR
import TensorCore

/// Sizes as numbers; throws where a name is left.
func staticSizes(_ dims: [Dim], for name: String) throws(TypeError) -> [Int] {
  var sizes: [Int] = []
  for dim in dims {
    guard let size = dim.value else { throw TypeError("'\(name)' cannot be evaluated while '\(dim)' is unknown") }
    sizes.append(size)
  }
  return sizes
}

extension Dim {
  /// What is known of the value when every named size is at least 1, and run-time sizes at least 0.
  var positiveBounds: (low: Int?, high: Int?) {
    bounds(
      Dictionary(
        symbols.map { ($0, ($0.hasPrefix("_") ? 0 : Symbol.unbounded.lowerBound)...Symbol.unbounded.upperBound) },
        uniquingKeysWith: { first, _ in first }))
  }

  /// Whether `a ≤ b` whatever the names stand for.
  static func isKnown(_ a: Dim, atMost b: Dim) -> Bool { ((b - a).positiveBounds.low ?? -1) >= 0 }

  /// The smaller size, decided now where it can be.
  package static func smaller(_ a: Dim, _ b: Dim) -> Dim { isKnown(a, atMost: b) ? a : isKnown(b, atMost: a) ? b : min(a, b) }

  /// The larger size, decided now where it can be.
  package static func larger(_ a: Dim, _ b: Dim) -> Dim { isKnown(a, atMost: b) ? b : isKnown(b, atMost: a) ? a : max(a, b) }
}

/// An index that counts from the end where it is negative, clamped into `0..<size`: generated code never reads outside
/// a tensor, whatever the indices are.
func clampedIndex(_ index: Expr, _ size: Expr) -> Expr {
  let wide = index.cast(to: .i64)
  let positive = Expr.select(.less(wide, .int(0)), wide + size, wide)
  return .max(.int(0), .min(positive, size - .int(1)))
}

/// The same for the reference.
func clampedIndex(_ index: Int64, _ size: Int) -> Int {
  let wide = Int(index)
  return max(0, min(wide < 0 ? wide + size : wide, size - 1))
}
