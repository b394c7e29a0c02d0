// SPDX-License-Identifier: Apache-2.0
// Operators that find the size of their result while the model runs.

import GraphIR
import TensorCore

/// An operator whose result has a size that its operands' values decide.
package protocol RuntimeSized: Operation {
  /// The size; nil until it is declared.
  var count: Dim? { get set }

  /// What the size never exceeds; nil where the operator does not need one.
  func countBound(_ operands: [TensorType?]) -> Dim?
}

extension RuntimeSized {
  package var definedSizes: [Dim] { (count?.isConstant ?? true) ? [] : count.map { [$0] } ?? [] }
}

extension GraphBuilder {
  /// Adds a node, declaring the run-time size that it makes where it has none yet.
  package mutating func emitSized(_ operation: any Operation, _ operands: [ValueID?]) throws(TypeError) -> [ValueID] {
    guard var sized = operation as? any RuntimeSized, sized.count == nil,
      let bound = sized.countBound(operands.map { $0.map(type) })
    else { return try emitAny(operation, operands) }
    sized.count = runtimeSize(near: Swift.type(of: sized).name, atMost: bound)
    return try emitAny(sized, operands)
  }
}

/// The size that an operator's `count` names.
func runtimeCount(_ count: Dim?, for name: String) throws(TypeError) -> Dim {
  guard let count else {
    throw TypeError("the size of the result of '\(name)' is not known", note: "'count' names a run-time size for it")
  }
  return count
}
