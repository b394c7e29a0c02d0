// SPDX-License-Identifier: Apache-2.0
// What a graph's results need: nodes that nothing reads are not translated, whatever they are.

/// For each node whether one of the wanted names needs it.
func neededNodes(_ nodes: [NodeProto], for wanted: some Sequence<String>) -> [Bool] {
  var names = Set(wanted)
  var needed = [Bool](repeating: false, count: nodes.count)
  for (index, node) in nodes.enumerated().reversed() {
    guard node.output.contains(where: { !$0.isEmpty && names.contains($0) }) else { continue }
    needed[index] = true
    insertNames(readBy: node, into: &names)
  }
  return needed
}

/// What a node and its subgraphs read. Decoding bounds the depth of subgraphs.
private func insertNames(readBy node: NodeProto, into names: inout Set<String>) {
  names.formUnion(node.input)
  for attribute in node.attribute {
    for graph in attribute.graph + attribute.graphs {
      names.formUnion(graph.output.map(\.name))
      for inner in graph.node { insertNames(readBy: inner, into: &names) }
    }
  }
}
