// SPDX-License-Identifier: Apache-2.0
// Subgraphs that an operator runs: `Scan(step)`, `If(then_branch = yes, else_branch = no)`, `Loop(body = round)`.

import GraphIR
import GraphLanguage
import GraphOps
import GraphSupport
import TensorCore

extension ModelResolver {
  /// An operator's subgraphs, by attribute.
  typealias Regions = [(attribute: String, graph: Graph)]

  /// The subgraphs that a call's arguments name; these arguments are taken out of the call. What the subgraphs have of
  /// parameters becomes the operator's further operands.
  ///
  /// - Parameter operands: those of the edges; parameters follow them.
  mutating func regions(
    of type: any Operation.Type, _ call: inout Call, _ file: GraphFile, _ environment: Environment,
    _ operands: inout [LayerInput], path: String, depth: Int
  ) throws(ResolveError) -> Regions {
    let descriptions = type.attributeDescriptions
    guard descriptions.contains(where: { $0.kind == SharedGraph.attributeKind }) else { return [] }
    // Places count from the first argument, so the others are named before any goes.
    for place in call.arguments.indices where place < descriptions.count && call.arguments[place].name == nil {
      call.arguments[place].name = descriptions[place].name
    }
    var regions: Regions = []
    for attribute in descriptions where attribute.kind == SharedGraph.attributeKind {
      guard let place = call.arguments.firstIndex(where: { $0.name == attribute.name }) else { continue }
      let argument = call.arguments.remove(at: place)
      let graph = try region(
        argument.value, attribute.name, of: call, file, environment, path: "\(path)/\(attribute.name)", depth: depth)
      regions.append((attribute.name, graph))
    }
    let parameters = regions.flatMap { $0.graph.nodes.compactMap { $0.operation as? Parameter } }
    for parameter in parameters {
      let value = try typed(call.nameRange) { (b) throws(TypeError) in try b.emit(parameter) }
      operands.append(LayerInput(nil, value))
    }
    for index in regions.indices {
      let graph = regions[index].graph
      regions[index].graph = try typed(call.nameRange) { (_) throws(TypeError) in
        try graph.taking(parameters)
      }
    }
    return regions
  }

  /// The subgraph that an argument names, with its `Input` boxes as inputs and the boxes that lead nowhere as outputs,
  /// each in the order of the file.
  private mutating func region(
    _ value: Expression, _ name: String, of call: Call, _ file: GraphFile, _ environment: Environment, path: String,
    depth: Int
  ) throws(ResolveError) -> Graph {
    guard let use = value.asCall, let (owner, subgraph) = file.subgraph(named: use.name), owner.isModel(subgraph),
      let scope = owner.scopes().models.first(where: { $0.subgraph?.id == subgraph.id })
    else {
      let text = file.source.text(value.range)
      throw ResolveError(
        "'\(name)' of '\(call.name)' must be a subgraph, found '\(text)'", id: "wrong-argument", at: value.range,
        fixIt: nearest(text, among: file.subgraphNames))
    }
    let (outside, outerUse, outerMasks, boxCount) = (builder, blockUse, masks, boxes.count)
    builder = GraphBuilder(name: scope.name, symbols: outside.graph.symbols)
    masks = [:]
    defer {
      builder = outside
      (blockUse, masks) = (outerUse, outerMasks)
      // Boxes are those of the model's own nodes.
      boxes.removeLast(boxes.count - boxCount)
    }
    let values = try inside(scope, use, file, environment, path: path, depth: depth, bound: nil)
    let sources = Set(scope.edges.map(\.from.id))
    for box in scope.boxes where !sources.contains(box.id) {
      if scope.file.operations(of: box).contains(where: { $0.asCall?.name == "Input" }) { continue }
      let results = values[box.id] ?? []
      for result in results {
        builder.output(results.count == 1 ? box.id : "\(box.id):\(result.name)", result.value)
      }
    }
    return builder.graph
  }
}

extension Graph {
  /// This graph with further inputs of the types of parameters, which those among them that it has become.
  fileprivate func taking(_ parameters: [Parameter]) throws(TypeError) -> Graph {
    if parameters.isEmpty { return self }
    var builder = GraphBuilder(name: name, symbols: symbols)
    var mapped: [ValueID: ValueID] = [:]
    for input in inputs { mapped[input] = builder.input(self[input].name ?? "", type(input)) }
    var given: [String: ValueID] = [:]
    for parameter in parameters {
      given[parameter.name] = builder.input(
        parameter.name, TensorType(parameter.dtype, parameter.shape.map { Dim($0) }))
    }
    for node in nodes {
      builder.origin = node.origin
      if let parameter = node.operation as? Parameter, let value = given[parameter.name] {
        mapped[node.results[0]] = value
        continue
      }
      let results = try builder.emitAny(node.operation, node.operands.map { $0.flatMap { mapped[$0] } })
      for (old, new) in zip(node.results, results) {
        mapped[old] = new
        if let name = self[old].name { builder.setName(name, of: new) }
      }
    }
    for output in outputs { if let value = mapped[output.value] { builder.output(output.name, value) } }
    return builder.graph
  }
}
