// SPDX-License-Identifier: Apache-2.0
// What a model is made of, whether it can be imported or not.

import GraphSupport

/// How often a model has an operator.
package struct OperatorCount: Sendable {
  /// With its domain unless that is the default.
  package var name: String
  /// The operator set's version.
  package var version: Int
  package var count: Int
  package var isSupported: Bool
}

/// The operators of a file, those of subgraphs and functions included, by name.
package func operatorCounts(_ path: String) throws -> [OperatorCount] {
  let file = try ONNXFile(path)
  var counter = OperatorCounter(file.model)
  if let graph = file.model.graph { counter.count(graph.node) }
  for function in file.model.functions { counter.count(function.node) }
  return counter.counts.sorted { $0.key < $1.key }.map(\.value)
}

private struct OperatorCounter {
  private let versions: [String: Int]
  private let functions: Set<String>
  private(set) var counts: [String: OperatorCount] = [:]

  init(_ model: ModelProto) {
    versions = Dictionary(
      model.opsetImport.map { (normalised($0.domain), Int(clamping: $0.version)) }, uniquingKeysWith: { max($0, $1) })
    functions = Set(model.functions.map { "\(normalised($0.domain)).\($0.name)" })
  }

  /// Decoding bounds how deep subgraphs are.
  mutating func count(_ nodes: [NodeProto]) {
    for node in nodes {
      let name = OperatorTable.displayName(node)
      let domain = normalised(node.domain)
      let isSupported =
        OperatorTable.isSupported(node.opType, domain) || functions.contains("\(domain).\(node.opType)")
      counts[
        name,
        default: OperatorCount(name: name, version: versions[domain] ?? 1, count: 0, isSupported: isSupported)
      ].count += 1
      for attribute in node.attribute { for graph in attribute.graph + attribute.graphs { count(graph.node) } }
    }
  }
}
