// SPDX-License-Identifier: Apache-2.0
// Constants move into the regions that read them, where they fold, and where weights are packed once.

import GraphIR
import TensorCore

/// The constant behind a captured value.
private func constant(_ builder: GraphBuilder, _ value: ValueID?) -> Constant? {
  value.flatMap { builder.graph.producer($0)?.operation as? Constant }
}

/// A rule: operands from number `first` on are captures; those that are constants are dropped.
///
/// - Parameter move: the operator with its regions changed by `withConstants`.
func constantsMoveInto<Owner: Operation>(
  _ owner: Owner.Type, from first: Int, file: String = #fileID, line: UInt = #line,
  _ move: @escaping @Sendable (Owner, GraphBuilder, ArraySlice<ValueID?>) throws(TypeError) -> Owner
) -> Rule {
  constantsMoveInto(owner, from: { _, _ in first }, file: file, line: line, move)
}

func constantsMoveInto<Owner: Operation>(
  _ owner: Owner.Type, from first: @escaping @Sendable (Owner, _ operandCount: Int) -> Int,
  file: String = #fileID, line: UInt = #line,
  _ move: @escaping @Sendable (Owner, GraphBuilder, ArraySlice<ValueID?>) throws(TypeError) -> Owner
) -> Rule {
  Rule("constants-into-\(Owner.name.lowercased())", on: owner, file: file, line: line) {
    operation, context throws(TypeError) in
    let first = first(operation, context.operands.count)
    guard first < context.operands.count else { return nil }
    let captures = context.operands[first...]
    let kept = captures.filter { constant(context.builder, $0) == nil }
    guard kept.count < captures.count else { return nil }
    let moved = try move(operation, context.builder, captures)
    return try context.builder.emitAny(moved, context.operands[..<first] + kept)
  }
}

/// A region whose captured inputs (from number `first` on) are constants inside where they are constants outside.
func withConstants(
  _ region: Graph, _ outside: GraphBuilder, _ captures: ArraySlice<ValueID?>, from first: Int
) throws(TypeError) -> Graph {
  var builder = GraphBuilder(name: region.name, symbols: region.symbols)
  var known = [ValueID?](repeating: nil, count: region.values.count)
  for (number, input) in region.inputs.enumerated() {
    let capture = number < first ? nil : captures.dropFirst(number - first).first.flatMap { $0 }
    if let constant = constant(outside, capture) {
      known[input.index] = try builder.emit(constant)
    } else {
      known[input.index] = builder.input(region[input].name ?? "", region.type(input))
    }
  }
  for node in region.nodes {
    builder.origin = node.origin
    let results = try builder.emitAny(node.operation, node.operands.map { $0.flatMap { known[$0.index] } })
    for (old, new) in zip(node.results, results) {
      known[old.index] = new
      if let name = region[old].name { builder.setName(name, of: new) }
    }
  }
  for output in region.outputs { if let value = known[output.value.index] { builder.output(output.name, value) } }
  return builder.graph
}
