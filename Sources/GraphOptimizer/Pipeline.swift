// SPDX-License-Identifier: Apache-2.0
// The optimizer's passes in order: the one place with order.

import GraphIR

/// How much is optimised. Every level gives the same values within rounding.
package enum OptimizationLevel: Int, CaseIterable, Sendable {
  /// Only what code generation needs.
  case none
  /// Algebra, folding and fusion.
  case full
}

extension GraphPass {
  /// The passes from a checked graph to one of primitive operators. Rounded products are not multiplied by Winograd's
  /// method, which would make their errors larger.
  package static func pipeline(
    _ level: OptimizationLevel, _ precision: Precision = .f32, winograd: WinogradLimit = .off
  ) -> [GraphPass] {
    if precision == .bf16 { return algebra(level) + [.lowerPrecision] }
    return algebra(level) + (winograd.tile.map { [.winograd(largest: $0)] } ?? [])
  }

  private static func algebra(_ level: OptimizationLevel) -> [GraphPass] {
    switch level {
    case .none: [.decompose]
    case .full:
      [
        .simplify,  // before decomposition, while patterns are whole
        .decompose,
        .simplify,  // what decomposition brought together
        .sinkTransposes,
        .foldConstants,
        .simplify,  // what folding made constant
      ]
    }
  }
}
