// SPDX-License-Identifier: Apache-2.0
// Regions: graphs that an operator owns (branches, loop bodies). A region sees nothing of the graph around it but its
// own inputs; what it reads from there are operands of the operator, after those that the operator itself knows.

import TensorCore

extension Operation {
  /// The graphs this operator owns, in the order of its attributes.
  package var regions: [Graph] {
    Self.attributes.compactMap { if case .graph(let shared) = $0.get(self) { shared.graph } else { nil } }
  }

  /// This operator with each region replaced.
  package func mappingRegions(_ transform: (Graph) throws -> Graph) rethrows -> Self {
    var mapped = self
    for attribute in Self.attributes {
      guard case .graph(let shared) = attribute.get(self) else { continue }
      _ = attribute.set(&mapped, .graph(SharedGraph(try transform(shared.graph))))
    }
    return mapped
  }

  /// Whether the operator or something in its regions gives random values.
  package var isRandom: Bool {
    Self.accuracy == .random || regions.contains { $0.nodes.contains { $0.operation.isRandom } }
  }
}

extension Graph {
  /// The types of the inputs and outputs, in order.
  package var inputTypes: [TensorType] { inputs.map(type) }
  package var outputTypes: [TensorType] { outputs.map { type($0.value) } }

  /// This graph with named sizes replaced, in types, operators and regions.
  package func substituting(_ sizes: [String: Dim]) -> Graph {
    if sizes.isEmpty { return self }
    var bound = self
    bound.symbols.removeAll { sizes[$0.name] != nil }
    for index in bound.values.indices { bound.values[index].type = values[index].type.substituting(sizes) }
    for index in bound.nodes.indices { bound.nodes[index].operation = nodes[index].operation.substituting(sizes) }
    return bound
  }

  /// The reference meaning of a region: its outputs' values, in order.
  ///
  /// - Throws: what an operator inside finds wrong, or an input that does not have its type.
  package func evaluate(_ operands: [Reference]) throws(TypeError) -> [Reference] {
    guard operands.count == inputs.count else {
      throw TypeError("'\(name)' takes \(inputs.count) operands, found \(operands.count)")
    }
    var sizes: [String: Dim] = [:]
    var known = [Reference?](repeating: nil, count: values.count)
    for (input, operand) in zip(inputs, operands) {
      try bindSizes(of: type(input), to: operand.type, &sizes)
      known[input.index] = operand
    }
    for node in nodes {
      let results = try node.operation.substituting(sizes).evaluate(node.operands.map { $0.flatMap { known[$0.index] } })
      try node.operation.findSizes(node.results.map(type), results, &sizes)
      for (id, result) in zip(node.results, results) { known[id.index] = result }
    }
    var results: [Reference] = []
    for output in outputs {
      guard let value = known[output.value.index] else { throw TypeError("output '\(output.name)' has no value") }
      results.append(value)
    }
    return results
  }
}

/// Takes the sizes that are names of their own in a type from the type that a value has.
///
/// - Throws: when the value does not have the type.
package func bindSizes(of type: TensorType, to found: TensorType, _ sizes: inout [String: Dim]) throws(TypeError) {
  if type == found { return }
  if type.rank == found.rank {
    for (dim, size) in zip(type.shape, found.shape) {
      guard let name = dim.symbols.first, dim == Dim(symbol: name), sizes[name] == nil else { continue }
      sizes[name] = size
    }
  }
  guard type.substituting(sizes) == found else { throw TypeError("found \(found), expected \(type)") }
}

extension GraphBuilder {
  /// Adds the nodes of a region, its inputs standing for operands, and returns its outputs. Names and origins come along;
  /// sizes that the region itself makes get names of their own.
  package mutating func inline(_ region: Graph, _ operands: [ValueID]) throws(TypeError) -> [ValueID] {
    guard operands.count == region.inputs.count else {
      throw TypeError("'\(region.name)' takes \(region.inputs.count) operands, found \(operands.count)")
    }
    var renamed: [String: Dim] = [:]
    for symbol in region.symbols {
      guard symbol.bound != nil, region.definesSize(symbol.name) else {
        if !graph.symbols.contains(where: { $0.name == symbol.name }) { declare(symbol) }
        continue
      }
      guard let bound = symbol.bound?.substituting(renamed) else { continue }
      renamed[symbol.name] = runtimeSize(near: symbol.name, atMost: bound)
    }
    var known = [ValueID?](repeating: nil, count: region.values.count)
    for (input, operand) in zip(region.inputs, operands) { known[input.index] = operand }
    let outside = origin
    defer { origin = outside }
    for node in region.nodes {
      origin = node.origin == Origin() ? outside : node.origin
      let results = try emitAny(
        node.operation.substituting(renamed), node.operands.map { $0.flatMap { known[$0.index] } })
      for (old, new) in zip(node.results, results) {
        known[old.index] = new
        if let name = region[old].name, graph[new].name == nil { setName(name, of: new) }
      }
    }
    return region.outputs.compactMap { known[$0.value.index] }
  }

  /// Declares a size that an operator finds while the model runs.
  ///
  /// - Parameters:
  ///   - name: what the size's name resembles, such as an operator's name.
  ///   - bound: what it never exceeds, over sizes that are known before anything runs.
  package mutating func runtimeSize(near name: String, atMost bound: Dim) -> Dim {
    let own = unusedSizeName(near: name)
    let high = bound.bounds(graph.ranges).high ?? Symbol.unbounded.upperBound
    declare(Symbol(own, 0...max(0, high), bound: bound))
    return Dim(symbol: own)
  }

  /// Declares room for run-time sizes that nothing bounds: a size that no input shows, which grows when a run needs more.
  package mutating func room(near name: String) -> Dim {
    let own = unusedSizeName(near: "\(name)_room")
    declare(Symbol(own))
    return Dim(symbol: own)
  }

  private func unusedSizeName(near name: String) -> String {
    let stem = "_" + String(name.lowercased().drop(while: { $0 == "_" }).prefix(while: { !$0.isNumber }))
    let taken = Set(graph.symbols.map(\.name))
    var number = graph.symbols.count
    while taken.contains("\(stem)\(number)") { number += 1 }
    return "\(stem)\(number)"
  }
}

extension Graph {
  /// Whether a node of this graph, regions aside, makes a run-time size.
  package func definesSize(_ name: String) -> Bool {
    nodes.contains { $0.operation.definedSizes.contains { $0.symbols.contains(name) } }
  }

  /// The names of the sizes that a node computes with: those of its results, its attributes and its regions.
  package func sizeNames(of node: Node) -> Set<String> {
    var names = node.operation.attributeSizeNames
    for result in node.results { for dim in type(result).shape { names.formUnion(dim.symbols) } }
    for region in node.operation.regions { names.formUnion(region.symbols.map(\.name)) }
    return names
  }
}

extension Operation {
  /// The names in the sizes among its attributes.
  var attributeSizeNames: Set<String> {
    var names: Set<String> = []
    for (_, value) in attributeValues {
      switch value {
      case .dim(let dim): names.formUnion(dim.symbols)
      case .dims(let dims): for dim in dims { names.formUnion(dim.symbols) }
      default: continue
      }
    }
    return names
  }
}
