// SPDX-License-Identifier: Apache-2.0
// Reverse-mode differentiation from graph to graph.

import GraphIR
import GraphOps
import GraphSupport
import TensorCore

/// A forward graph with the gradients of one of its values.
package struct Differentiation: Sendable {
  /// Holds the forward graph and the gradients' nodes; a training step goes on emitting here.
  package var builder: GraphBuilder
  /// For each value asked for, the scalar's gradient with respect to it, of its type.
  package let gradients: [ValueID]
  /// The values of the original graph in `builder`'s; nil for values no output needs.
  private let map: [ValueID?]

  /// Differentiates a scalar of a graph. Operators without a gradient of their own that other operators compute are
  /// replaced by those first. Only what lies between the values and the scalar is differentiated; a value that the
  /// scalar does not depend on has the gradient zero.
  ///
  /// - Throws: `DiagnosticsError` naming the operator that has no gradient, and its box.
  package init(of scalar: ValueID, in graph: Graph, withRespectTo values: [ValueID]) throws {
    guard graph.type(scalar).shape.isEmpty, graph.type(scalar).dtype.isFloat else {
      throw DiagnosticsError(
        "not-differentiable",
        "'\(graph.displayName(scalar))' is \(graph.type(scalar)), expected a float scalar to differentiate")
    }
    for value in values where !graph.type(value).dtype.isFloat {
      throw DiagnosticsError(
        "not-differentiable",
        "'\(graph.displayName(value))' is \(graph.type(value)), gradients are of floats")
    }
    let expansion = try Expansion(graph, from: values, to: [scalar])
    var reverse = try Reverse(expansion, from: values, to: [scalar]) { builder throws(TypeError) in
      [try builder.scalar(1, graph.type(scalar).dtype)]
    }
    try reverse.run()
    gradients = try reverse.results()
    builder = reverse.builder
    map = expansion.map
  }

  /// A value of the original graph in `builder`'s.
  package func value(_ original: ValueID) -> ValueID? { map[original.index] }
}

/// A graph with an output for each given value: `gradient/` and the value's name, after the graph's own outputs.
package func gradients(of scalar: ValueID, in graph: Graph, withRespectTo values: [ValueID]) throws -> Graph {
  var result = try Differentiation(of: scalar, in: graph, withRespectTo: values)
  for (value, gradient) in zip(values, result.gradients) {
    result.builder.output("gradient/\(graph.displayName(value))", gradient)
  }
  return result.builder.graph
}

/// The gradients of a region: its inputs, then a seed for each float output, to the gradients of its float inputs.
func vectorJacobian(of region: Graph) throws(TypeError) -> Graph {
  do {
    let values = region.inputs.filter { region.type($0).dtype.isFloat }
    let outputs = region.outputs.map(\.value).filter { region.type($0).dtype.isFloat }
    let expansion = try Expansion(region, from: values, to: outputs)
    var reverse = try Reverse(expansion, from: values, to: outputs) { builder throws(TypeError) in
      outputs.enumerated().map { builder.input("seed\($0)", region.type($1)) }
    }
    try reverse.run()
    let gradients = try reverse.results()
    var graph = reverse.builder
    graph.replaceOutputs(gradients.enumerated().map { ("gradient\($0)", $1) })
    return graph.graph
  } catch let error as DiagnosticsError {
    throw TypeError(error.diagnostics.first?.message ?? "a region has no gradient")
  } catch {
    throw TypeError("a region has no gradient: \(error)")
  }
}

/// The place a node comes from, for messages.
func failure(_ error: TypeError, at node: Node) -> DiagnosticsError {
  let place = node.origin.path.isEmpty ? "" : "'\(node.origin.path)': "
  return DiagnosticsError([
    Diagnostic(
      .error, "not-differentiable", place + error.message, at: node.origin.location,
      notes: error.note.map { [Diagnostic.Note($0)] } ?? [])
  ])
}

/// What gradients pass through: values that depend on the chosen ones and that the targets depend on.
func path(in graph: Graph, from values: [ValueID], to targets: [ValueID]) -> [Bool] {
  var isReached = [Bool](repeating: false, count: graph.values.count)
  for value in values { isReached[value.index] = true }
  for node in graph.nodes where node.operands.contains(where: { $0.map { isReached[$0.index] } ?? false }) {
    for result in node.results where graph.type(result).dtype.isFloat { isReached[result.index] = true }
  }
  var isWanted = [Bool](repeating: false, count: graph.values.count)
  for target in targets { isWanted[target.index] = true }
  for node in graph.nodes.reversed() where node.results.contains(where: { isWanted[$0.index] && isReached[$0.index] }) {
    for operand in node.operands { if let operand { isWanted[operand.index] = true } }
  }
  return isReached.indices.map { isReached[$0] && isWanted[$0] }
}
