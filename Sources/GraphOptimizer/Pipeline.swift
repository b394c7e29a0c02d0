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
  /// The passes from a checked graph to one of primitive operators.
  package static func pipeline(_ level: OptimizationLevel, _ precision: Precision = .f32) -> [GraphPass] {
    algebra(level) + (precision == .bf16 ? [.lowerPrecision] : [])
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
