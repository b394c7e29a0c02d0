// SPDX-License-Identifier: Apache-2.0
// Applies the operators' local rules until none applies; equal nodes merge on the way.

import GraphIR
import GraphOps
import TensorCore

/// Rules in the order of the registry, by the operator they are rooted at.
private let rulesByOperator: [String: [Rule]] = Dictionary(
  uniqueKeysWithValues: OperatorRegistry.all.map { ($0.name, $0.rules) })

/// Rounds after which what is left is left; a rule that makes work for itself forever would be a fault.
private let roundLimit = 16

extension GraphPass {
  ///     %y = Mul(%x, 1)      →   (uses of %y read %x)
  package static let simplify = GraphPass("simplify") { graph, context in
    var graph = graph
    for _ in 0..<roundLimit {
      let before = context.rewriteCount
      graph = try GraphPass.rebuild(graph) { graph, node, operands, builder in
        let name = type(of: node.operation).name
        for rule in rulesByOperator[name] ?? [] {
          var trial = RuleContext(builder: builder, operation: node.operation, operands: operands)
          guard let results = try rule.apply(&trial) else { continue }
          // Rules see types as they are; a replacement of another type is refused rather than trusted.
          guard results.map({ trial.builder.type($0) }) == node.results.map({ graph.type($0) }) else {
            context.miss("\(rule.name) (\(rule.file):\(rule.line)) would change a type")
            continue
          }
          guard context.mayRewrite("\(rule.name) (\(rule.file):\(rule.line)) on \(name)") else { return nil }
          builder = trial.builder
          return results
        }
        return nil
      }
      if context.rewriteCount == before { break }
    }
    return graph
  }
}
