// SPDX-License-Identifier: Apache-2.0
// Replaces composite operators that have no gradient of their own by the operators that compute them.

import GraphIR
import GraphSupport
import TensorCore

/// A graph in which every operator on the gradient's path has a gradient of its own.
struct Expansion {
  private(set) var builder: GraphBuilder
  /// The original's values in the new graph.
  private(set) var map: [ValueID?]

  init(_ graph: Graph, from values: [ValueID], to targets: [ValueID]) throws {
    builder = GraphBuilder(name: graph.name, symbols: graph.symbols)
    map = [ValueID?](repeating: nil, count: graph.values.count)
    for input in graph.inputs { map[input.index] = builder.input(graph[input].name ?? "", graph.type(input)) }
    let onPath = path(in: graph, from: values, to: targets)
    for node in graph.nodes {
      builder.origin = node.origin
      let operands = node.operands.map { $0.flatMap { map[$0.index] } }
      let isCrossed =
        node.results.contains { onPath[$0.index] } && node.operands.contains { $0.map { onPath[$0.index] } ?? false }
      do throws(TypeError) {
        let results = try Expansion.emit(node.operation, operands, isCrossed: isCrossed, depth: 0, &builder)
        for (old, new) in zip(node.results, results) {
          map[old.index] = new
          if let name = graph[old].name, builder.graph[new].name == nil { builder.setName(name, of: new) }
        }
      } catch {
        throw failure(error, at: node)
      }
    }
    for output in graph.outputs { if let value = map[output.value.index] { builder.output(output.name, value) } }
  }

  /// A decomposition may use composite operators in its turn; nothing real nests deeper than this.
  private static let depthLimit = 16

  private static func emit(
    _ operation: any Operation, _ operands: [ValueID?], isCrossed: Bool, depth: Int, _ builder: inout GraphBuilder
  ) throws(TypeError) -> [ValueID] {
    guard isCrossed, depth < depthLimit, let parts = try decomposition(operation, operands, builder) else {
      return try builder.emitAny(operation, operands)
    }
    // Node by node, so that the parts are looked at too.
    var known = [ValueID?](repeating: nil, count: parts.values.count)
    for (input, operand) in zip(parts.inputs, operands.compactMap { $0 }) { known[input.index] = operand }
    for node in parts.nodes {
      let results = try emit(
        node.operation, node.operands.map { $0.flatMap { known[$0.index] } }, isCrossed: true, depth: depth + 1,
        &builder)
      for (old, new) in zip(node.results, results) { known[old.index] = new }
    }
    return parts.outputs.compactMap { known[$0.value.index] }
  }

  /// The operators that compute a composite one, as a graph over its operands; nil when it has a gradient of its own
  /// (or none either way).
  private static func decomposition(
    _ operation: any Operation, _ operands: [ValueID?], _ builder: GraphBuilder
  ) throws(TypeError) -> Graph? {
    var scratch = GraphBuilder(name: "", symbols: builder.graph.symbols)
    let inputs = operands.map { operand in operand.map { scratch.input("", builder.type($0)) } }
    let results = try operation.inferTypes(inputs.map { $0.map(scratch.type) })
    guard
      case .decompose(let body) = operation.lower(
        NodeTypes(operands: inputs.map { $0.map(scratch.type) }, results: results))
    else { return nil }
    // Whether the gradient exists can depend on attributes and types, so it is tried on its own.
    let seeds = results.map { scratch.input("", $0) }
    let forward = results.map { scratch.input("", $0) }
    var context = GradientContext(
      builder: scratch, operands: inputs, results: forward,
      seeds: seeds.map { scratch.type($0).dtype.isFloat ? $0 : nil }, differentiate: vectorJacobian)
    do throws(TypeError) {
      _ = try operation.gradient(&context)
      return nil
    } catch {}
    var parts = GraphBuilder(name: "", symbols: builder.graph.symbols)
    let operands = operands.map { operand in operand.map { parts.input("", builder.type($0)) } }
    for (index, value) in try body(&parts, operands).enumerated() { parts.output("\(index)", value) }
    return parts.graph
  }
}
