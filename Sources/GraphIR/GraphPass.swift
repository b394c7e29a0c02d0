// SPDX-License-Identifier: Apache-2.0
// Passes: named functions from graph to graph, run and verified by one driver.

import GraphSupport
import TensorCore

/// A named step of the optimizer.
package struct GraphPass: Sendable {
  package let name: String
  package let run: @Sendable (Graph, inout PassContext) throws -> Graph
  package init(_ name: String, _ run: @escaping @Sendable (Graph, inout PassContext) throws -> Graph) {
    self.name = name
    self.run = run
  }
}

/// Where passes report what they did and why they did not, and where rewrites are counted so that a wrong answer can
/// be bisected to one of them.
package struct PassContext: Sendable {
  /// `pass: rewrite`, in order.
  package private(set) var log: [String] = []
  package private(set) var missed: [String] = []
  package private(set) var rewriteCount = 0
  /// Rewrites beyond this number are not made.
  package var rewriteLimit = Int.max
  package var isLogging = false
  fileprivate var passName = ""

  package init() {}

  /// Counts one rewrite; false when the limit is reached and it must not be made.
  package mutating func mayRewrite(_ what: @autoclosure () -> String) -> Bool {
    guard rewriteCount < rewriteLimit else { return false }
    rewriteCount += 1
    if isLogging { log.append("#\(rewriteCount) \(passName): \(what())") }
    return true
  }

  /// Records why something was not done.
  package mutating func miss(_ why: @autoclosure () -> String) {
    if isLogging { missed.append("\(passName): \(why())") }
  }
}

extension GraphPass {
  /// Runs passes in order, verifying after each; a broken graph is our fault and names the pass. Each is timed by its
  /// name, with its number when it runs more than once.
  package static func run(
    _ passes: [GraphPass], on graph: Graph, _ context: inout PassContext,
    observe: (GraphPass, Graph) -> Void = { _, _ in }
  ) throws -> Graph {
    var graph = graph
    for (place, pass) in passes.enumerated() {
      context.passName = pass.name
      var name: String {
        let before = passes[..<place].count { $0.name == pass.name }
        return before == 0 ? pass.name : "\(pass.name) \(before + 1)"
      }
      graph = try timed(name) { try pass.run(graph, &context) }
      let findings = timed("verify graph") { verify(graph) }
      if let first = findings.first {
        throw InternalError("pass '\(pass.name)' broke the graph: \(first) (\(findings.count) findings)")
      }
      observe(pass, graph)
    }
    return graph
  }

  /// Rebuilds a graph node by node, regions first: `transform` emits what replaces a node of `graph` (the whole or a
  /// region) and returns its results, or nil to keep it. Nodes that no output needs are dropped. Inputs and outputs
  /// keep their names and order.
  package static func rebuild(
    _ graph: Graph,
    _ transform: (
      _ graph: Graph, _ node: Node, _ operands: [ValueID?], _ builder: inout GraphBuilder
    ) throws -> [ValueID]?
  ) throws -> Graph {
    var builder = GraphBuilder(name: graph.name, symbols: graph.symbols)
    var mapped = [ValueID?](repeating: nil, count: graph.values.count)
    for input in graph.inputs { mapped[input.index] = builder.input(graph[input].name ?? "", graph.type(input)) }
    let needed = graph.neededNodes()
    for (index, node) in graph.nodes.enumerated() where needed[index] {
      let operands = node.operands.map { $0.flatMap { mapped[$0.index] } }
      builder.origin = node.origin
      var node = node
      node.operation = try rebuildRegions(of: node.operation, transform)
      let results = try transform(graph, node, operands, &builder) ?? builder.emitAny(node.operation, operands)
      for (old, new) in zip(node.results, results) {
        mapped[old.index] = new
        if let name = graph[old].name, builder.graph[new].name == nil { builder.setName(name, of: new) }
      }
    }
    for output in graph.outputs {
      guard let value = mapped[output.value.index] else { throw InternalError("output '\(output.name)' was lost") }
      builder.output(output.name, value)
    }
    var result = builder.graph
    result.dropUnneeded()
    return result
  }

  private static func rebuildRegions(
    of operation: any Operation,
    _ transform: (Graph, Node, [ValueID?], inout GraphBuilder) throws -> [ValueID]?
  ) throws -> any Operation {
    operation.regions.isEmpty ? operation : try operation.mappingRegions { try rebuild($0, transform) }
  }
}

extension Graph {
  /// For each node, whether an output depends on it: by its values, or by a size that it makes.
  package func neededNodes() -> [Bool] {
    var needed = [Bool](repeating: false, count: nodes.count)
    var wanted = [Bool](repeating: false, count: values.count)
    let hasRuntimeSizes = symbols.contains { $0.bound != nil }
    var sizes: Set<String> = []
    for output in outputs { wanted[output.value.index] = true }
    for index in nodes.indices.reversed() {
      let node = nodes[index]
      guard node.results.contains(where: { wanted[$0.index] })
        || (hasRuntimeSizes && node.operation.definedSizes.contains { !sizes.isDisjoint(with: $0.symbols) })
      else { continue }
      needed[index] = true
      for operand in node.operands { if let operand { wanted[operand.index] = true } }
      if hasRuntimeSizes { sizes.formUnion(sizeNames(of: node)) }
    }
    return needed
  }

  /// Removes nodes that no output depends on, renumbering values.
  mutating func dropUnneeded() {
    let needed = neededNodes()
    guard needed.contains(false) else { return }
    var newValues: [Value] = []
    var map = [ValueID?](repeating: nil, count: values.count)
    func move(_ id: ValueID, producer: NodeID?) -> ValueID {
      var value = values[id.index]
      value.producer = producer
      newValues.append(value)
      let new = ValueID(newValues.count - 1)
      map[id.index] = new
      return new
    }
    inputs = inputs.map { move($0, producer: nil) }
    var newNodes: [Node] = []
    for (index, node) in nodes.enumerated() where needed[index] {
      var node = node
      node.operands = node.operands.map { $0.flatMap { map[$0.index] } }
      node.results = node.results.map { move($0, producer: NodeID(newNodes.count)) }
      newNodes.append(node)
    }
    outputs = outputs.compactMap { output in map[output.value.index].map { Output(name: output.name, value: $0) } }
    nodes = newNodes
    values = newValues
  }
}
