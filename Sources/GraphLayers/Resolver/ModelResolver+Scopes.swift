// SPDX-License-Identifier: Apache-2.0
// The boxes of a model or block, in the order of their edges.

import GraphIR
import GraphLanguage
import GraphOps
import GraphSupport

extension ModelResolver {
  /// Builds the boxes of a scope and returns their results. Boxes that fail, and those that need them, have none.
  /// `bound` gives a block's inputs; nil makes inputs of the model.
  mutating func resolve(
    _ scope: ModelScope, _ outer: Environment, path: String, depth: Int, bound: [LayerInput]?
  ) -> [String: [LayerOutput]] {
    let order: [Box]
    do throws(ResolveError) {
      order = try scope.ordered()
    } catch {
      report(error, in: scope.file)
      return [:]
    }
    var environment = outer
    var results: [String: [LayerOutput]] = [:]
    var waiting = bound ?? []
    let incoming = Dictionary(grouping: scope.edges, by: \.to.id)
    // Inputs first and in the order of the file: their names are what later boxes use, and blocks bind by order.
    let unbound = reportUnbound(scope)
    let inputs = scope.boxes.filter { box in scope.file.operations(of: box).contains { $0.asCall?.name == "Input" } }
    let rest = order.filter { box in !inputs.contains { $0.id == box.id } }
    for box in inputs + rest where !unbound.contains(box.id) {
      let start = builder.graph.nodes.count
      let boxPath = path.isEmpty ? box.id : "\(path)/\(box.id)"
      do throws(ResolveError) {
        var operands: [LayerInput] = []
        var names: [String: ValueID] = [:]
        var isWaiting = false
        for edge in incoming[box.id] ?? [] {
          guard let source = results[edge.from.id] else {
            isWaiting = true
            continue
          }
          let ports = edge.ports
          let value = try output(source, ports, edge)
          operands.append(LayerInput(ports.operand, value))
          names[ports.operand ?? edge.from.id] = value
          names[edge.from.id] = value
        }
        // What it needs failed already: one error is enough.
        if isWaiting { continue }
        builder.origin = Origin(path: boxPath, location: scope.file.location(box.range))
        let built = try build(
          box, in: scope, &environment, operands: operands, names: names, path: boxPath, depth: depth,
          isBlock: bound != nil, &waiting)
        results[box.id] = built
        for result in built where builder.graph[result.value].name == nil && built.count == 1 && path.isEmpty {
          builder.setName(box.id, of: result.value)
        }
        boxes.append(
          ResolvedBox(
            path: boxPath, title: box.displayName,
            operation: operations(of: box, in: scope).map { scope.file.source.text($0.range) }.joined(separator: "; "),
            location: scope.file.location(box.range), outputs: built, nodes: start..<builder.graph.nodes.count,
            depth: depth))
      } catch {
        // What is wrong inside a block is reported there.
        if error.id != Self.blockFailed { report(error, in: scope.file) }
      }
    }
    if let bound, !waiting.isEmpty {
      report(
        Diagnostic(
          .error, "too-many-operands",
          "block '\(scope.name)' has \(inputs.count) input\(inputs.count == 1 ? "" : "s"), found \(bound.count) operands",
          at: blockUse))
    }
    return results
  }

  /// The result of a box that an edge reads.
  func output(_ results: [LayerOutput], _ ports: Edge.Ports, _ edge: Edge) throws(ResolveError) -> ValueID {
    guard let port = ports.port else {
      guard let first = results.first else {
        throw ResolveError("'\(edge.from.id)' has no result", id: "no-result", at: edge.from.range)
      }
      return first.value
    }
    if let result = results.first(where: { $0.name == port }) { return result.value }
    if let number = Int(port), results.indices.contains(number) { return results[number].value }
    let names = results.map(\.name)
    throw ResolveError(
      "'\(edge.from.id)' has no result '\(port)'", id: "unknown-port", at: edge.label?.range ?? edge.range,
      notes: ["its results are \(names.joined(separator: ", "))"],
      fixIt: nearest(port, among: names))
  }

  mutating func build(
    _ box: Box, in scope: ModelScope, _ environment: inout Environment, operands: [LayerInput],
    names: [String: ValueID], path: String, depth: Int, isBlock: Bool, _ waiting: inout [LayerInput]
  ) throws(ResolveError) -> [LayerOutput] {
    let operations = self.operations(of: box, in: scope)
    var current = operands
    var names = names
    var results: [LayerOutput] = []
    for (number, operation) in operations.enumerated() {
      let stepPath = number == 0 ? path : "\(path)/\(number)"
      results = try buildOperation(
        operation, box, in: scope, &environment, operands: current, names: names, path: stepPath, depth: depth,
        isBlock: isBlock, &waiting)
      current = results.prefix(1).map { LayerInput(nil, $0.value) }
      names = results.first.map { [box.id: $0.value] } ?? [:]
    }
    guard builder.graph.nodes.count <= Self.nodeLimit else {
      throw ResolveError("the model has more than \(Self.nodeLimit) operators", id: "too-large", at: box.range)
    }
    return results
  }

  /// Reports every box without an operation, and returns their ids.
  mutating func reportUnbound(_ scope: ModelScope) -> Set<String> {
    var unbound: Set<String> = []
    for box in scope.boxes {
      let operations = self.operations(of: box, in: scope)
      var error: ResolveError?
      if operations.isEmpty, let problem = box.label?.problem {
        error = ResolveError(problem.message, id: "bad-operation", at: problem.range, fixIt: problem.fixIt)
      } else if operations.isEmpty {
        error = ResolveError(
          "'\(box.label?.text ?? box.id)' (\(box.id)) has no operation: bind it under `\(scope.file.bindingKey)`",
          id: "no-operation", at: box.range)
      }
      guard let error else { continue }
      report(error, in: scope.file)
      unbound.insert(box.id)
    }
    return unbound
  }

  /// The operations of a box. Names at a label's start that name nothing, nor anything near, are its title.
  func operations(of box: Box, in scope: ModelScope) -> [Expression] {
    let operations = scope.file.operations(of: box)
    guard scope.file.frontMatter.binding(box.id) == nil else { return operations }
    let known = knownNames(scope.file)
    // A formula may be the name of a box that leads here.
    let sources = Set(scope.edges.filter { $0.to.id == box.id }.map { $0.ports.operand ?? $0.from.id })
    return Array(
      operations.drop { expression in
        guard case .name(let name) = expression.kind else { return false }
        return !sources.contains(name) && !known.contains(name) && !name.contains(".")
          && nearest(name, among: known) == nil
      })
  }

  func knownNames(_ file: GraphFile) -> [String] {
    LayerRegistry.names + OperatorRegistry.all.map { $0.name } + file.subgraphNames + [
      "Input", "Repeat", "Constant", "Parameter",
    ]
  }
}
