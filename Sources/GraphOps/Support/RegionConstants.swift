// SPDX-License-Identifier: Apache-2.0
// Constants move into the regions that read them, where they fold, and where weights are packed once.

import GraphIR
import TensorCore

/// Whether an operator only shows its operand's elements in other places.
private func isView(_ operation: any Operation) -> Bool {
  operation is Transpose || operation is Reshape || operation is Slice || operation is Squeeze || operation is Unsqueeze
}

/// The nodes that make a captured value from a constant, the constant first; nil when it is more than views of one.
/// Large weights keep their views instead of being folded, so that these come along.
private func constantChain(_ builder: GraphBuilder, _ value: ValueID?) -> [any Operation]? {
  var chain: [any Operation] = []
  var value = value
  while chain.count < 8, let current = value, let node = builder.graph.producer(current) {
    chain.append(node.operation)
    if node.operation is Constant { return chain.reversed() }
    guard isView(node.operation), node.operands.count == 1 else { return nil }
    value = node.operands[0]
  }
  return nil
}

/// A rule: operands from number `first` on are captures; those that are constants, or views of them, are dropped.
///
/// - Parameter move: the operator with its regions changed by `withConstants`.
func constantsMoveInto<Owner: Operation>(
  _ owner: Owner.Type, from first: @escaping @Sendable (Owner) -> Int, file: String = #fileID, line: UInt = #line,
  _ move: @escaping @Sendable (Owner, GraphBuilder, ArraySlice<ValueID?>) throws(TypeError) -> Owner
) -> Rule {
  Rule("constants-into-\(Owner.name.lowercased())", on: owner, file: file, line: line) {
    operation, context throws(TypeError) in
    let first = first(operation)
    guard first < context.operands.count else { return nil }
    let captures = context.operands[first...]
    let kept = captures.filter { constantChain(context.builder, $0) == nil }
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
  var operands: [ValueID] = []
  for (number, input) in region.inputs.enumerated() {
    let capture = number < first ? nil : captures.dropFirst(number - first).first.flatMap { $0 }
    guard let chain = constantChain(outside, capture) else {
      operands.append(builder.input(region[input].name ?? "", region.type(input)))
      continue
    }
    var value: ValueID?
    for operation in chain { value = try builder.emitAny(operation, value.map { [$0] } ?? [])[0] }
    if let value { operands.append(value) }
  }
  for (output, value) in zip(region.outputs, try builder.inline(region, operands)) {
    builder.output(output.name, value)
  }
  return builder.graph
}
