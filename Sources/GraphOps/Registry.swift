// SPDX-License-Identifier: Apache-2.0
// Every operator, one line each.

import GraphIR

/// The operators of the vocabulary by name.
package enum OperatorRegistry {
  package static let all: [any Operation.Type] = [
    Constant.self,
    Parameter.self,
    // Elementwise
    Add.self,
    Exp.self,
    Mul.self,
    // Reductions
    ReduceSum.self,
    // Movement
    Expand.self,
    Reshape.self,
    Transpose.self,
    // Contractions
    MatMul.self,
  ]

  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

  /// The operator of this name.
  package static func operation(named name: String) -> (any Operation.Type)? { byName[name] }
}
