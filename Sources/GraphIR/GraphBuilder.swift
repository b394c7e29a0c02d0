// SPDX-License-Identifier: Apache-2.0
// Building graphs: types are inferred at once, equal pure nodes are merged, nodes come out in topological order.

import GraphSupport
import TensorCore

package struct GraphBuilder: Sendable {
  package private(set) var graph: Graph
  /// What new nodes are said to come from.
  package var origin = Origin()
  /// Equal operators of equal operands become one node.
  package var mergesEqualNodes = true
  private var known: [Key: [ValueID]] = [:]

  private struct Key: Hashable {
    let operation: OperationKey
    let operands: [ValueID?]
  }

  package init(name: String, symbols: [Symbol] = []) { graph = Graph(name: name, symbols: symbols) }

  /// Continues an existing graph.
  package init(_ graph: Graph) { self.graph = graph }

  package func type(_ value: ValueID) -> TensorType { graph.type(value) }

  @discardableResult
  package mutating func input(_ name: String, _ type: TensorType) -> ValueID {
    graph.values.append(Value(type: type, producer: nil, name: name))
    let id = ValueID(graph.values.count - 1)
    graph.inputs.append(id)
    return id
  }

  package mutating func output(_ name: String, _ value: ValueID) {
    graph.outputs.append(Graph.Output(name: name, value: value))
  }

  /// Makes these the only outputs.
  package mutating func replaceOutputs(_ outputs: [(name: String, value: ValueID)]) {
    graph.outputs = outputs.map { Graph.Output(name: $0.name, value: $0.value) }
  }

  /// Adds a symbol, or narrows its range.
  package mutating func declare(_ symbol: Symbol) {
    if let index = graph.symbols.firstIndex(where: { $0.name == symbol.name }) {
      graph.symbols[index] = symbol
    } else {
      graph.symbols.append(symbol)
    }
  }

  package mutating func setName(_ name: String, of value: ValueID) { graph.values[value.index].name = name }

  /// Adds a node and returns its results.
  package mutating func emitAll(_ operation: some Operation, _ operands: [ValueID?]) throws(TypeError) -> [ValueID] {
    try emitAny(operation, operands)
  }

  /// Adds a node of an operator whose type is not known here.
  package mutating func emitAny(_ operation: any Operation, _ operands: [ValueID?]) throws(TypeError) -> [ValueID] {
    let isPure = !operation.isRandom
    var operation = operation
    if !isPure, var random = operation as? any RandomOperation, random.seed == nil {
      random.seed = seed(ofNode: graph.nodes.count, origin, in: graph.name)
      operation = random
    }
    let key = Key(operation: operation.key, operands: operands)
    if mergesEqualNodes && isPure, let results = known[key] { return results }
    try checkOperandCount(operation, operands)
    let types = try operation.inferTypes(operands.map { $0.map(type) })
    for type in types {
      for dim in type.shape where !dim.isValid || (dim.value ?? 0) < 0 {
        throw TypeError("the result of '\(Swift.type(of: operation).name)' would be \(type)")
      }
      if !type.elementCount.isValid { throw TypeError("\(type) has more elements than can be counted") }
    }
    let node = NodeID(graph.nodes.count)
    var results: [ValueID] = []
    for type in types {
      results.append(ValueID(graph.values.count))
      graph.values.append(Value(type: type, producer: node, name: nil))
    }
    graph.nodes.append(Node(operation: operation, operands: operands, results: results, origin: origin))
    if isPure { known[key] = results }
    return results
  }

  /// Adds a node with one result.
  package mutating func emit(_ operation: some Operation, _ operands: ValueID?...) throws(TypeError) -> ValueID {
    try emitAny(operation, operands)[0]
  }

  /// A constant.
  package mutating func constant(_ tensor: Tensor) throws(TypeError) -> ValueID {
    try emit(Constant(tensor))
  }

  /// A constant scalar of a type.
  package mutating func scalar(_ value: Double, _ dtype: DType) throws(TypeError) -> ValueID {
    guard let tensor = Tensor(dtype, [], doubles: [value]) else { throw TypeError("out of memory") }
    return try constant(tensor)
  }

  private func type(of operation: any Operation) -> any Operation.Type { Swift.type(of: operation) }

  private func checkOperandCount(_ operation: any Operation, _ operands: [ValueID?]) throws(TypeError) {
    let slots = type(of: operation).operands
    let name = type(of: operation).name
    let required = slots.filter { $0.kind == .required }.count
    let isVariadic = slots.last?.kind == .variadic
    if operands.count < required || (!isVariadic && operands.count > slots.count) {
      let wanted =
        isVariadic ? "at least \(required)" : required == slots.count ? "\(required)" : "\(required) to \(slots.count)"
      throw TypeError(
        "'\(name)' takes \(wanted) operand\(wanted == "1" ? "" : "s") "
          + "(\(slots.map(\.name).joined(separator: ", "))), found \(operands.count)")
    }
    for (index, operand) in operands.enumerated() where operand == nil {
      let slot = slots[min(index, slots.count - 1)]
      if slot.kind != .optional { throw TypeError("operand '\(slot.name)' of '\(name)' is missing", operand: index) }
    }
  }
}
