// SPDX-License-Identifier: Apache-2.0
// What translations ask and emit: nodes whose values are learnt, and operands that must be known.

import GraphIR
import GraphOps
import TensorCore

extension GraphImporter {
  func type(_ id: ValueID) -> TensorType { builder.type(id) }
  func rank(_ id: ValueID) -> Int { builder.type(id).rank }

  /// Adds a node and returns its results.
  mutating func emitAll(_ operation: any Operation, _ operands: [ValueID?]) throws(TypeError) -> [ValueID] {
    if operation is any RuntimeSized, let results = try evaluated(operation, operands) { return results }
    let results = try builder.emitSized(operation, operands)
    if let first = results.first, let producer = builder.graph[first].producer {
      known.learn(builder.graph[producer], in: builder.graph)
    }
    return results
  }

  /// Adds a node with one result.
  mutating func emit(_ operation: some Operation, _ operands: ValueID?...) throws(TypeError) -> ValueID {
    try emitAll(operation, operands)[0]
  }

  /// The results of an operator as constants, so that their sizes are numbers; nil when an operand is not known.
  private mutating func evaluated(
    _ operation: any Operation, _ operands: [ValueID?]
  ) throws(TypeError) -> [ValueID]? {
    let values = operands.map { $0.flatMap { known.constant($0) } }
    guard zip(operands, values).allSatisfy({ ($0 == nil) == ($1 == nil) }) else { return nil }
    var results: [ValueID] = []
    for result in try operation.evaluate(values) {
      guard let tensor = result.tensor else { throw TypeError("out of memory") }
      results.append(try constant(tensor))
    }
    return results
  }

  mutating func constant(_ tensor: Tensor) throws(TypeError) -> ValueID {
    let id = try builder.constant(tensor)
    known.define(id, tensor)
    return id
  }

  /// Takes a named size not to exceed a number.
  mutating func assume(_ name: String, atMost limit: Int) {
    let range = builder.graph.ranges[name] ?? Symbol.unbounded
    guard limit < range.upperBound, limit >= range.lowerBound else { return }
    builder.declare(Symbol(name, range.lowerBound...limit))
    known.ranges = builder.graph.ranges
    session.assumptions[name] = min(limit, session.assumptions[name] ?? limit)
  }

  // MARK: Operands that must be known

  /// The integers of an operand, names included. Where they are not known the inputs that decide them are noted.
  func dims(_ id: ValueID, _ what: String) throws(TypeError) -> [Dim] {
    if let dims = known.dims(id) { return dims }
    throw unknown(id, what)
  }

  func ints(_ id: ValueID, _ what: String) throws(TypeError) -> [Int] {
    let numbers = try dims(id, what).map(\.value)
    if numbers.contains(where: { $0 == nil }) {
      throw TypeError("'\(what)' depends on named sizes", note: "fix them with --dim NAME=SIZE")
    }
    return numbers.compactMap { $0 }
  }

  /// The only number of an operand.
  func int(_ id: ValueID, _ what: String) throws(TypeError) -> Int {
    let numbers = try ints(id, what)
    guard numbers.count == 1 else { throw TypeError("'\(what)' must be one number, found \(type(id))") }
    return numbers[0]
  }

  func reals(_ id: ValueID, _ what: String) throws(TypeError) -> [Double] {
    if let value = known.constant(id) { return (0..<value.count).map { value.double($0) } }
    if let tensor = known.tensor(id) { return tensor.doubles() }
    throw unknown(id, what)
  }

  func real(_ id: ValueID, _ what: String) throws(TypeError) -> Double {
    let numbers = try reals(id, what)
    guard numbers.count == 1 else { throw TypeError("'\(what)' must be one number, found \(type(id))") }
    return numbers[0]
  }

  /// That an operand's value is not known, and what would help.
  func unknown(_ id: ValueID, _ what: String) -> TypeError {
    let inputs = inputs(behind: id)
    session.neededInputs.formUnion(inputs)
    guard !inputs.isEmpty else {
      return TypeError("'\(what)' is computed while the model runs, and must be known when it is compiled")
    }
    let names = inputs.sorted().map { "'\($0)'" }.joined(separator: ", ")
    return TypeError(
      "'\(what)' is computed from the input\(inputs.count == 1 ? "" : "s") \(names), and must be known when the model is "
        + "compiled",
      note: "give the value with --constant NAME=VALUE, or the sizes with --dim NAME=SIZE")
  }

  /// The names of the inputs that a value is computed from.
  private func inputs(behind id: ValueID) -> Set<String> {
    var found: Set<String> = []
    var seen: Set<ValueID> = [id]
    var open = [id]
    while let next = open.popLast() {
      guard let producer = builder.graph.producer(next) else {
        if let name = builder.graph[next].name { found.insert(name) }
        continue
      }
      // Shapes do not depend on values.
      if producer.operation is Shape || producer.operation is Size { continue }
      for operand in producer.operands { if let operand, seen.insert(operand).inserted { open.append(operand) } }
    }
    return found
  }
}
