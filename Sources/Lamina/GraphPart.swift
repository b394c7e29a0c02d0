// SPDX-License-Identifier: Apache-2.0
// Pieces of a graph that run on their own.

import GraphIR
import GraphSupport
import TensorCore

/// Some nodes of a graph as a graph of their own. What they read from elsewhere are its inputs, what others read of
/// them are its outputs; constants come along.
package struct GraphPart: Sendable {
  /// Where its nodes come from: the path of a box.
  package var origin: Origin
  package var graph: Graph
  /// The values of the whole graph that are its inputs and outputs, in order.
  package var inputs: [ValueID]
  package var outputs: [ValueID]
  /// Its nodes' places in the whole graph, without constants.
  package var nodes: [Int]

  package static func inputName(_ id: ValueID) -> String { "x\(id.index)" }
  package static func outputName(_ id: ValueID) -> String { "y\(id.index)" }

  /// Cuts nodes out of a graph.
  ///
  /// - Parameters:
  ///   - users: What `whole.users()` says.
  ///   - sizes: Values of all named sizes, run-time sizes that other nodes make among them. They take the place of the
  ///     names when a name is not the size of an input of this part, as its value would not be known.
  package init(_ nodes: [Int], of whole: Graph, users: [[NodeID]], sizes: [String: Int]) throws {
    self.nodes = nodes
    origin = nodes.first.map { whole.nodes[$0].origin } ?? Origin()
    (inputs, outputs) = GraphPart.boundary(nodes, of: whole, users)
    let shown = Set(inputs.flatMap { whole.type($0).shape }.filter { $0.symbols.first.map(Dim.init(symbol:)) == $0 })
    var used: Set<String> = []
    for id in inputs + nodes.flatMap({ whole.nodes[$0].results }) {
      for dim in whole.type(id).shape { used.formUnion(dim.symbols) }
    }
    for node in nodes {
      for attribute in whole.nodes[node].operation.attributeValues {
        switch attribute.value {
        case .dim(let dim): used.formUnion(dim.symbols)
        case .dims(let dims): for dim in dims { used.formUnion(dim.symbols) }
        default: continue
        }
      }
    }
    var made: Set<String> = []
    for node in nodes { for size in whole.nodes[node].operation.definedSizes { made.formUnion(size.symbols) } }
    used.subtract(made)
    let isSymbolic =
      used.allSatisfy { shown.contains(Dim(symbol: $0)) }
      && inputs.allSatisfy { whole.type($0).shape.allSatisfy { $0.isConstant || shown.contains($0) } }
    let fixed = isSymbolic ? [:] : sizes.mapValues { Dim($0) }
    var builder = GraphBuilder(name: "part")
    for symbol in whole.symbols {
      if made.contains(symbol.name) {
        builder.declare(Symbol(symbol.name, symbol.range, bound: symbol.bound?.substituting(fixed)))
      } else if isSymbolic, used.contains(symbol.name) {
        builder.declare(Symbol(symbol.name, symbol.range))
      }
    }
    var mapped: [ValueID: ValueID] = [:]
    for id in inputs { mapped[id] = builder.input(GraphPart.inputName(id), whole.type(id).substituting(fixed)) }
    for place in nodes {
      let node = whole.nodes[place]
      builder.origin = node.origin
      var operands: [ValueID?] = []
      for operand in node.operands {
        if let operand, mapped[operand] == nil, let constant = whole.producer(operand), constant.operation is Constant {
          mapped[operand] = try builder.emitAny(constant.operation, [])[0]
        }
        operands.append(operand.flatMap { mapped[$0] })
      }
      for (old, new) in zip(node.results, try builder.emitAny(node.operation.substituting(fixed), operands)) {
        mapped[old] = new
      }
    }
    for id in outputs { if let value = mapped[id] { builder.output(GraphPart.outputName(id), value) } }
    graph = builder.graph
  }

  /// Values that nodes read from elsewhere, and their results that something else needs.
  private static func boundary(
    _ nodes: [Int], of whole: Graph, _ users: [[NodeID]]
  ) -> (inputs: [ValueID], outputs: [ValueID]) {
    let inside = Set(nodes)
    let answers = Set(whole.outputs.map(\.value))
    var inputs: [ValueID] = []
    for place in nodes {
      for operand in whole.nodes[place].operands {
        guard let operand, !inputs.contains(operand) else { continue }
        if whole.producer(operand)?.operation is Constant { continue }
        if let producer = whole[operand].producer, inside.contains(producer.index) { continue }
        inputs.append(operand)
      }
    }
    return (inputs, nodes.flatMap { whole.nodes[$0].results }.filter { result in
      answers.contains(result) || users[result.index].contains { !inside.contains($0.index) }
    })
  }
}

extension Graph {
  /// The places of the nodes of each box, in order. A box whose nodes do not follow one another comes in several runs.
  package var boxRuns: [[Int]] {
    var runs: [[Int]] = []
    var path: String?
    for (place, node) in nodes.enumerated() where !(node.operation is Constant) {
      if node.origin.path == path {
        runs[runs.count - 1].append(place)
      } else {
        runs.append([place])
        path = node.origin.path
      }
    }
    return runs
  }
}
