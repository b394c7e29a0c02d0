// SPDX-License-Identifier: Apache-2.0
// The reference interpreter: evaluates a graph node by node in double precision.

import GraphIR
import GraphSupport
import TensorCore

/// What `interpret` tells about each value, right after it is known.
package typealias ValueObserver = (_ value: ValueID, _ reference: Reference) throws -> Void

/// The outputs of a graph by name. Named sizes are bound from the inputs' shapes. A value is freed after its last use,
/// so only what is alive takes memory; `observe` sees every value, inputs included.
///
/// - Parameter sizes: values of named sizes that no input shows.
/// - Throws: `DiagnosticsError` for inputs that do not fit, and for an operator that cannot take its operands, at the
///   place the node comes from.
package func interpret(
  _ graph: Graph, inputs: [String: Tensor], sizes: [String: Int] = [:], observe: ValueObserver? = nil
) throws -> [String: Tensor] {
  let references = try interpret(
    graph, references: inputs.mapValues { Reference($0) }, sizes: sizes, observe: observe)
  var tensors: [String: Tensor] = [:]
  for (name, reference) in references {
    guard let tensor = reference.tensor else {
      throw DiagnosticsError("out-of-memory", "no memory for output '\(name)' (\(reference.type))")
    }
    tensors[name] = tensor
  }
  return tensors
}

/// As above on unrounded values: outputs keep double precision.
package func interpret(
  _ graph: Graph, references inputs: [String: Reference], sizes: [String: Int] = [:], observe: ValueObserver? = nil
) throws -> [String: Reference] {
  let bound = try bindInputs(graph, inputs, sizes)
  var dims = bound.mapValues { Dim($0) }
  var remaining = graph.users().map(\.count)
  for output in graph.outputs { remaining[output.value.index] += 1 }
  var values = [Reference?](repeating: nil, count: graph.values.count)

  func define(_ id: ValueID, _ reference: Reference) throws {
    try observe?(id, reference)
    if remaining[id.index] > 0 { values[id.index] = reference }
  }
  for input in graph.inputs {
    if let reference = inputs[graph[input].name ?? ""] { try define(input, reference) }
  }
  for node in graph.nodes {
    let operands = node.operands.map { $0.flatMap { values[$0.index] } }
    let results = try evaluate(node, operands, &dims, in: graph)
    for operand in node.operands {
      guard let operand else { continue }
      remaining[operand.index] -= 1
      if remaining[operand.index] == 0 { values[operand.index] = nil }
    }
    for (id, result) in zip(node.results, results) { try define(id, result) }
  }
  var outputs: [String: Reference] = [:]
  for output in graph.outputs { outputs[output.name] = values[output.value.index] }
  return outputs
}

/// One node's results, checked against the types the graph gives them; `sizes` learns those that the node makes.
private func evaluate(
  _ node: Node, _ operands: [Reference?], _ sizes: inout [String: Dim], in graph: Graph
) throws -> [Reference] {
  let name = type(of: node.operation).name
  let results: [Reference]
  do throws(TypeError) {
    results = try node.operation.substituting(sizes).evaluate(operands)
  } catch {
    throw DiagnosticsError([diagnostic(error, at: node.origin)])
  }
  do throws(TypeError) {
    try node.operation.findSizes(node.results.map(graph.type), results, &sizes)
  } catch {
    throw InternalError("'\(name)': \(error.message)")
  }
  for (id, result) in zip(node.results, results) {
    let expected = graph.type(id).substituting(sizes)
    if result.type != expected || result.count != result.shape.reduce(1, *) {
      throw InternalError("'\(name)' gives \(result.type) for \(graph.displayName(id)), its type is \(expected)")
    }
  }
  guard results.count == node.results.count else {
    throw InternalError("'\(name)' gives \(results.count) results, it has \(node.results.count)")
  }
  return results
}

private func bindInputs(
  _ graph: Graph, _ inputs: [String: Reference], _ sizes: [String: Int]
) throws -> [String: Int] {
  let wanted = graph.inputs.map { "'\(graph[$0].name ?? "")': \(graph.type($0))" }.joined(separator: ", ")
  let note = Diagnostic.Note(wanted.isEmpty ? "'\(graph.name)' takes no inputs" : "'\(graph.name)' takes \(wanted)")
  func fail(_ message: String) -> DiagnosticsError {
    DiagnosticsError([Diagnostic(.error, "input-mismatch", message, notes: [note])])
  }
  let names = Set(graph.inputs.compactMap { graph[$0].name })
  if let unknown = inputs.keys.filter({ !names.contains($0) }).min() {
    throw fail("'\(graph.name)' has no input '\(unknown)'")
  }
  for input in graph.inputs {
    guard let name = graph[input].name, let value = inputs[name] else { continue }
    if value.dtype != graph.type(input).dtype {
      throw fail("input '\(name)' is \(value.type), expected \(graph.type(input))")
    }
  }
  do throws(TypeError) {
    return try graph.bind(inputs.map { ($0.key, $0.value.shape) }, sizes: sizes)
  } catch {
    throw fail(error.message)
  }
}

/// What an operator found wrong, at the box it comes from.
private func diagnostic(_ error: TypeError, at origin: Origin) -> Diagnostic {
  let place = origin.path.isEmpty ? "" : "'\(origin.path)': "
  return Diagnostic(
    .error, "evaluation", place + error.message, at: origin.location,
    notes: error.note.map { [Diagnostic.Note($0)] } ?? [])
}
