// SPDX-License-Identifier: Apache-2.0
// What there is to check: the functions of kernels, and the operators of graphs that are more than one of them.

import GraphIR
import GraphOps
import KernelIR
import TensorCore

/// A function of one f32.
package struct CheckedFunction: Sendable, CustomStringConvertible {
  package var name: String
  /// How it is computed.
  package var scalar: @Sendable (Expr) -> Expr
  /// The exact value, to about 2^-50.
  package var reference: @Sendable (Double) -> Double

  package var description: String { name }

  package static let all: [CheckedFunction] = functions + operators

  private static let functions: [CheckedFunction] = UnaryFunction.allCases.compactMap { function in
    referenceForSingle(function).map { reference in
      CheckedFunction(name: function.rawValue, scalar: { .unary(function, $0) }, reference: reference)
    }
  }

  /// Elementwise operators of one f32 that give an f32.
  private static let operators: [CheckedFunction] = OperatorRegistry.all.compactMap { type in
    guard let type = type as? any ElementwiseOperation.Type, type.operands.count == 1, type.operands[0].kind == .required,
      type.domain.contains(.f32)
    else { return nil }
    let operation = type.init()
    guard operation.resultType(.f32) == .f32 else { return nil }
    let body = operation.scalar([.load(0, .f32, at: .int(0))])
    if case .unary(let function, let operand) = body.kind, case .load = operand.kind, referenceForSingle(function) != nil {
      return nil
    }
    return CheckedFunction(name: type.name, scalar: { operation.scalar([$0]) }, reference: { operation.reference([$0]) })
  }
}
