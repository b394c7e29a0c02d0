// SPDX-License-Identifier: Apache-2.0
// A static graph of operators over typed values.
//
// Invariants (checked by the verifier): nodes are in topological order, every value is an input or a result of
// exactly one node, types are what the operators infer, output names are unique.

import GraphSupport
import TensorCore

package struct ValueID: Hashable, Sendable, CustomStringConvertible {
  package let index: Int
  package init(_ index: Int) { self.index = index }
  package var description: String { "%\(index)" }
}

package struct NodeID: Hashable, Sendable {
  package let index: Int
  package init(_ index: Int) { self.index = index }
}

/// Where a node comes from; kept through every rewrite.
package struct Origin: Sendable, Hashable {
  /// The path of boxes, such as `block/0/attention`.
  package var path: String
  package var location: SourceLocation?
  package init(path: String = "", location: SourceLocation? = nil) {
    self.path = path
    self.location = location
  }
}

package struct Node: Sendable {
  package var operation: any Operation
  /// Missing optional operands are nil.
  package var operands: [ValueID?]
  package var results: [ValueID]
  package var origin: Origin
}

package struct Value: Sendable {
  package var type: TensorType
  /// The node whose result it is; nil for an input.
  package var producer: NodeID?
  /// A name people know, when there is one.
  package var name: String?
}

/// A named size and the values it may take.
package struct Symbol: Sendable, Hashable {
  package var name: String
  package var range: ClosedRange<Int>
  /// For a size that an operator finds while the model runs, what it never exceeds: a size known before. Nil for
  /// sizes that the inputs show. By convention names of run-time sizes start with `_`; they alone may be 0.
  package var bound: Dim?
  /// Without a declared range a size is between 1 and this.
  package static let unbounded = 1...(1 << 31)
  /// Whether a size that no input shows is room for run-time sizes without a bound, by its name: whoever runs the model
  /// makes it larger until a run fits.
  package static func isRoom(_ name: String) -> Bool { name.hasPrefix("_") }
  package init(_ name: String, _ range: ClosedRange<Int> = Symbol.unbounded, bound: Dim? = nil) {
    self.name = name
    self.range = range
    self.bound = bound
  }
}

package struct Graph: Sendable {
  package struct Output: Sendable {
    package var name: String
    package var value: ValueID
  }

  package var name: String
  package var symbols: [Symbol]
  package internal(set) var inputs: [ValueID] = []
  package internal(set) var outputs: [Output] = []
  package internal(set) var nodes: [Node] = []
  package internal(set) var values: [Value] = []

  package init(name: String, symbols: [Symbol] = []) {
    self.name = name
    self.symbols = symbols
  }

  package subscript(_ id: ValueID) -> Value { values[id.index] }
  package subscript(_ id: NodeID) -> Node { nodes[id.index] }
  package func type(_ id: ValueID) -> TensorType { values[id.index].type }
  package func producer(_ id: ValueID) -> Node? { values[id.index].producer.map { nodes[$0.index] } }
  package var nodeIDs: [NodeID] { nodes.indices.map(NodeID.init) }

  /// The ranges of the named sizes.
  package var ranges: [String: ClosedRange<Int>] {
    Dictionary(symbols.map { ($0.name, $0.range) }, uniquingKeysWith: { first, _ in first })
  }

  /// The ranges of the sizes that the inputs show.
  package var callerRanges: [String: ClosedRange<Int>] {
    Dictionary(
      symbols.filter { $0.bound == nil }.map { ($0.name, $0.range) }, uniquingKeysWith: { first, _ in first })
  }

  /// The types around a node.
  package func types(_ node: Node) -> NodeTypes {
    NodeTypes(operands: node.operands.map { $0.map(type) }, results: node.results.map(type))
  }

  /// The name a value is shown by: its own, its box, or its number.
  package func displayName(_ id: ValueID) -> String {
    if let name = values[id.index].name { return name }
    if let node = producer(id), !node.origin.path.isEmpty { return node.origin.path }
    return id.description
  }

  /// For each value, the nodes that read it (a node that reads it twice is there twice).
  package func users() -> [[NodeID]] {
    var users = [[NodeID]](repeating: [], count: values.count)
    for (index, node) in nodes.enumerated() {
      for operand in node.operands { if let operand { users[operand.index].append(NodeID(index)) } }
    }
    return users
  }
}
