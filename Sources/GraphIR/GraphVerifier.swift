// SPDX-License-Identifier: Apache-2.0
// Checks everything a graph must hold: order, definitions, types as the operators infer them, names.

import TensorCore

/// What is wrong with a graph, in order; empty for a sound one.
package func verify(_ graph: Graph) -> [String] {
  var findings: [String] = []
  let runtime = Set(graph.symbols.filter { $0.bound != nil }.map(\.name))
  /// Run-time sizes that may be used: those of the graph around a region, and what nodes so far made.
  var available = runtime.filter { !graph.definesSize($0) }
  var defined = [Bool](repeating: false, count: graph.values.count)
  for input in graph.inputs {
    guard graph.values.indices.contains(input.index) else {
      findings.append("input \(input) is not a value")
      continue
    }
    if graph[input].producer != nil { findings.append("input \(input) is also a node's result") }
    defined[input.index] = true
  }
  let known = Set(graph.symbols.map(\.name))
  for (index, node) in graph.nodes.enumerated() {
    let name = type(of: node.operation).name
    for operand in node.operands {
      guard let operand else { continue }
      guard graph.values.indices.contains(operand.index), defined[operand.index] else {
        findings.append("node \(index) '\(name)' reads \(operand) before it is defined")
        continue
      }
    }
    guard findings.isEmpty else { return findings }
    let operandTypes = node.operands.map { $0.map(graph.type) }
    do throws(TypeError) {
      let types = try node.operation.inferTypes(operandTypes)
      let found = node.results.map(graph.type)
      if types != found { findings.append("node \(index) '\(name)' has types \(found), it infers \(types)") }
    } catch {
      findings.append("node \(index) '\(name)': \(error.message)")
    }
    for region in node.operation.regions { findings += verify(region).map { "in node \(index) '\(name)': \($0)" } }
    for size in node.operation.definedSizes {
      guard let symbol = size.symbols.first, size == Dim(symbol: symbol), runtime.contains(symbol) else {
        findings.append("node \(index) '\(name)' makes the size \(size), which is no run-time size")
        continue
      }
      if !available.insert(symbol).inserted { findings.append("the size \(symbol) is made twice") }
    }
    let early = node.operation.attributeSizeNames.intersection(runtime).subtracting(available)
    if !early.isEmpty {
      findings.append("node \(index) '\(name)' names a size that nothing before it makes: \(early.sorted())")
    }
    for result in node.results {
      guard graph.values.indices.contains(result.index) else {
        findings.append("node \(index) '\(name)' has no value for a result")
        continue
      }
      if graph[result].producer != NodeID(index) { findings.append("\(result) names another producer") }
      if defined[result.index] { findings.append("\(result) is defined twice") }
      defined[result.index] = true
      for dim in graph.type(result).shape where !dim.symbols.isSubset(of: known) {
        findings.append("\(result) has a size that is not declared: \(graph.type(result))")
      }
      for dim in graph.type(result).shape where !dim.symbols.intersection(runtime).isSubset(of: available) {
        findings.append("\(result) has a size that nothing before it makes: \(graph.type(result))")
      }
    }
  }
  var names: Set<String> = []
  for output in graph.outputs {
    if !names.insert(output.name).inserted { findings.append("two outputs are named '\(output.name)'") }
    if !graph.values.indices.contains(output.value.index) || !defined[output.value.index] {
      findings.append("output '\(output.name)' is not defined")
    }
  }
  return findings
}
