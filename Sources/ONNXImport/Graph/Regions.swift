// SPDX-License-Identifier: Apache-2.0
// Subgraphs that stay subgraphs: regions, which see nothing of the graph around them but what they are given.

import GraphIR
import GraphOps
import TensorCore

/// What regions read of the graph around them.
struct Captures {
  struct Value {
    var name: String
    var id: ValueID
    var type: TensorType
    var known: KnownValue?
    /// A constant comes into the region itself.
    var constant: Tensor?
  }

  var values: [Value] = []
  /// In the order of the regions' inputs.
  var operands: [ValueID] { values.filter { $0.constant == nil }.map(\.id) }
}

/// An imported subgraph.
struct Region {
  var graph: Graph
  fileprivate var known: KnownValues

  /// Whether an output is the constant true, or an input passed on.
  func isTrue(output: Int, orInput input: Int) -> Bool {
    let value = graph.outputs[output].value
    return value == graph.inputs[input] || known.constant(value).map { $0.count == 1 && $0.double(0) == 1 } == true
  }
}

extension GraphImporter {
  /// Finds what subgraphs read from outside.
  mutating func captures(of graphs: [GraphProto]) throws(TypeError) -> Captures {
    var captures = Captures()
    for name in freeNames(graphs) {
      switch lookup(name) {
      case .value(let id):
        let constant = builder.graph.producer(id)?.operation as? Constant
        captures.values.append(
          Captures.Value(
            name: name, id: id, type: type(id), known: known[id],
            constant: constant?.value.tensor ?? known.constant(id)?.tensor))
      case .failed: throw TypeError(Self.reported)
      case nil: throw TypeError("its subgraph reads '\(name)', which nothing before it makes")
      }
    }
    return captures
  }

  /// Builds a subgraph whose inputs are its own, of these types, and then what it captures.
  mutating func region(
    _ proto: GraphProto, _ types: [TensorType], _ captures: Captures
  ) throws(TypeError) -> Region {
    try checkDepth()
    guard proto.input.count == types.count else {
      throw TypeError("the subgraph '\(proto.name)' has \(proto.input.count) inputs, expected \(types.count)")
    }
    var inner = GraphImporter(session, name: proto.name, depth: depth + scopes.count)
    for symbol in builder.graph.symbols { inner.builder.declare(symbol) }
    inner.known.ranges = known.ranges
    inner.builder.origin = builder.origin
    let function = scopes.last(where: \.isFunction)
    inner.scopes = [
      Scope(isFunction: true, attributes: function?.attributes ?? [:], opsets: scopes.last?.opsets ?? [:])
    ]
    for (input, type) in zip(proto.input, types) {
      inner.bind(input.name, .value(inner.builder.input(input.name, type)))
    }
    for capture in captures.values {
      if let tensor = capture.constant {
        inner.bind(capture.name, .value(try inner.constant(tensor)))
        continue
      }
      let id = inner.builder.input(capture.name, capture.type)
      if let known = capture.known { inner.known.define(id, known) }
      inner.bind(capture.name, .value(id))
    }
    inner.scopes.append(Scope(opsets: scopes.last?.opsets ?? [:]))
    inner.defineInitializers(proto)
    let outputs = proto.output.map(\.name)
    inner.translate(proto.node, for: outputs)
    for (number, result) in try inner.scopeResults(outputs, of: "the subgraph '\(proto.name)'").enumerated() {
      guard let result else { throw TypeError(Self.reported) }
      // Several outputs may be one value; names of outputs are unique.
      inner.builder.output(
        outputs.firstIndex(of: outputs[number]) == number ? outputs[number] : "\(outputs[number])#\(number)", result)
    }
    return Region(graph: inner.builder.graph, known: inner.known)
  }

  /// A value of one element as a scalar.
  mutating func scalar(_ id: ValueID) throws(TypeError) -> ValueID? {
    rank(id) == 0 ? id : try emit(Reshape(shape: []), id)
  }
}

/// The names that graphs read and do not make, each once, in order.
func freeNames(_ graphs: [GraphProto]) -> [String] {
  var found: [String] = []
  var seen: Set<String> = []
  for graph in graphs { for name in freeNames(graph) where seen.insert(name).inserted { found.append(name) } }
  return found
}

private func freeNames(_ graph: GraphProto) -> [String] {
  var own = Set(graph.input.map(\.name)).union(graph.initializer.map(\.name))
  own.formUnion(graph.sparseInitializer.compactMap { $0.values?.name })
  var free: [String] = []
  func read(_ name: String) { if !name.isEmpty && !own.contains(name) { free.append(name) } }
  let outputs = graph.output.map(\.name)
  for (node, isNeeded) in zip(graph.node, neededNodes(graph.node, for: outputs)) where isNeeded {
    for name in node.input { read(name) }
    for attribute in node.attribute {
      for inner in attribute.graph + attribute.graphs { for name in freeNames(inner) { read(name) } }
    }
    own.formUnion(node.output)
  }
  for name in outputs { read(name) }
  return free
}
