// SPDX-License-Identifier: Apache-2.0
// Blocks and repeats.

import GraphIR
import GraphLanguage
import GraphOps
import GraphSupport

extension ModelResolver {
  mutating func block(
    _ call: Call, _ owner: GraphFile, _ subgraph: Subgraph, _ file: GraphFile, _ environment: Environment,
    _ operands: [LayerInput], path: String, depth: Int
  ) throws(ResolveError) -> [LayerOutput] {
    let models = owner.scopes().models
    guard let scope = models.first(where: { $0.subgraph?.id == subgraph.id }) else {
      throw ResolveError("'\(call.name)' is no block", id: "unknown-operation", at: call.nameRange)
    }
    let values = try inside(scope, call, file, environment, path: path, depth: depth, bound: operands)
    let sources = Set(scope.edges.map(\.from.id))
    let ends = scope.boxes.filter { !sources.contains($0.id) }
    var outputs: [LayerOutput] = []
    for end in ends { for result in values[end.id] ?? [] { outputs.append(LayerOutput(end.id, result.value)) } }
    return outputs
  }

  /// The results of a block's boxes for a use of it, whose arguments are the block's parameters. `bound` gives the
  /// block's inputs; nil leaves them inputs.
  mutating func inside(
    _ scope: ModelScope, _ call: Call, _ file: GraphFile, _ environment: Environment, path: String, depth: Int,
    bound: [LayerInput]?
  ) throws(ResolveError) -> [String: [LayerOutput]] {
    guard depth < Self.blockDepthLimit else {
      throw ResolveError(
        "blocks are nested more than \(Self.blockDepthLimit) deep; '\(call.name)' may use itself", id: "block-depth",
        at: call.nameRange)
    }
    let names = scope.parameterNames.map(\.name)
    var inner = Environment()
    for argument in try environment.arguments(of: call, names: names, required: names, in: file) {
      inner.parameters[argument.name] = argument.value
    }
    let (outer, outerUse) = (builder.origin, blockUse)
    let (before, known) = (failureCount, diagnostics.count)
    let use = file.location(call.nameRange)
    blockUse = use
    let values = resolve(scope, inner, path: path, depth: depth + 1, bound: bound)
    (builder.origin, blockUse) = (outer, outerUse)
    if failureCount > before {
      for index in known..<diagnostics.count
      where diagnostics[index].location != use && !diagnostics[index].notes.contains(where: { $0.location == use }) {
        diagnostics[index].notes.append(Diagnostic.Note("in block '\(call.name)', used here", at: use))
      }
      throw ResolveError("block '\(call.name)' cannot be built", id: Self.blockFailed, at: call.nameRange)
    }
    return values
  }

  /// `Repeat(block(arguments), count)`: the block's results become its operands, `count` times.
  mutating func repeated(
    _ call: Call, _ file: GraphFile, _ environment: Environment, _ operands: [LayerInput], path: String, depth: Int
  ) throws(ResolveError) -> [LayerOutput] {
    guard call.arguments.count == 2, let inner = call.arguments[0].value.asCall else {
      throw ResolveError(
        "'Repeat' needs a block or layer and a count, such as Repeat(block(64), 3)", id: "bad-repeat",
        at: call.nameRange)
    }
    guard case .int(let count) = try environment.value(call.arguments[1].value, in: file), count >= 1, count <= 100_000
    else {
      let text = file.source.text(call.arguments[1].value.range)
      throw ResolveError(
        "the count of 'Repeat' must be a number from 1 to 100000, found '\(text)'",
        id: "bad-repeat", at: call.arguments[1].value.range)
    }
    var current = operands
    var results: [LayerOutput] = []
    for round in 0..<count {
      let roundPath = "\(path)/\(round)"
      if let (owner, subgraph) = file.subgraph(named: inner.name), owner.isModel(subgraph) {
        results = try block(inner, owner, subgraph, file, environment, current, path: roundPath, depth: depth + 1)
      } else if let type = LayerRegistry.layer(named: inner.name) {
        results = try layer(type, inner, file, environment, current, path: roundPath)
      } else {
        throw ResolveError(
          "'\(inner.name)' is no block or layer to repeat", id: "unknown-operation", at: inner.nameRange,
          fixIt: nearest(inner.name, among: file.subgraphNames + LayerRegistry.names))
      }
      // Operands beyond the results, such as a mask or an encoder's states, go to every round.
      current = results.map { LayerInput(nil, $0.value) } + operands.dropFirst(results.count)
    }
    return results
  }
}
