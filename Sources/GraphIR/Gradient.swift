// SPDX-License-Identifier: Apache-2.0
// What an operator's `gradient` is given.

import TensorCore

/// One node of the forward graph, and the gradients of a scalar with respect to its results.
package struct GradientContext: Sendable {
  /// Where gradient operators are emitted; it holds the forward graph already.
  package var builder: GraphBuilder
  package let operands: [ValueID?]
  package let results: [ValueID]
  /// With respect to each result; nil where the scalar does not depend on it.
  package let seeds: [ValueID?]

  /// For operators with regions: the graph that gives the gradients of a region. Its inputs are the region's, then a
  /// seed for each float output; its outputs are the gradients of the float inputs.
  package let differentiate: @Sendable (_ region: Graph) throws(TypeError) -> Graph

  package init(
    builder: GraphBuilder, operands: [ValueID?], results: [ValueID], seeds: [ValueID?],
    differentiate: @escaping @Sendable (_ region: Graph) throws(TypeError) -> Graph = { (_) throws(TypeError) in
      throw TypeError("regions are not differentiated here")
    }
  ) {
    self.differentiate = differentiate
    self.builder = builder
    self.operands = operands
    self.results = results
    self.seeds = seeds
  }

  package func type(_ value: ValueID) -> TensorType { builder.type(value) }

  package mutating func emit(_ operation: some Operation, _ operands: ValueID?...) throws(TypeError) -> ValueID {
    try builder.emitAny(operation, operands)[0]
  }

  package mutating func scalar(_ value: Double, like other: ValueID) throws(TypeError) -> ValueID {
    try builder.scalar(value, builder.type(other).dtype)
  }
}
