// SPDX-License-Identifier: Apache-2.0
// A random graph again with some of its sizes known only when it runs.

import GraphIR
import TensorCore

extension Graph {
  /// This graph with the inputs' axes of one size named 'N' where every operator still takes them, and that size; nil
  /// where no size can be named. Every result has the shape it had when N is that size.
  package func withRunTimeSize(_ random: inout SampleSource) -> (graph: Graph, size: Int)? {
    let sizes = Set(inputs.flatMap { type($0).staticShape ?? [] }.filter { $0 > 1 })
    for size in sizes.sorted().shuffled(using: &random) {
      // All axes of that size first; then fewer, because an operator may need one of them fixed.
      for attempt in 0..<4 {
        if let named = naming(size, share: attempt == 0 ? 1 : 2, &random) { return (named, size) }
      }
    }
    return nil
  }

  /// Names one in `share` of the input axes of a size; nil where an operator does not take the result.
  private func naming(_ size: Int, share: Int, _ random: inout SampleSource) -> Graph? {
    let name = Dim(symbol: "N")
    var builder = GraphBuilder(name: self.name, symbols: [Symbol("N", 1...max(64, size))])
    var values: [ValueID: ValueID] = [:]
    var isNamed = false
    for input in inputs {
      var type = type(input)
      for axis in type.shape.indices where type.shape[axis] == Dim(size) && random.int(1...share) == 1 {
        type.shape[axis] = name
        isNamed = true
      }
      values[input] = builder.input(self[input].name ?? "", type)
    }
    guard isNamed else { return nil }
    for node in nodes {
      let operands = node.operands.map { $0.flatMap { values[$0] } }
      let choices = [named(node.operation, size, name), node.operation]
      let results = choices.lazy.compactMap { operation -> [ValueID]? in
        // Tried on a copy, so that a choice that does not fit leaves nothing behind.
        var attempt = builder
        guard let results = try? attempt.emitAny(operation, operands),
          zip(results, node.results).allSatisfy({ new, old in
            attempt.type(new).dtype == type(old).dtype
              && attempt.type(new).shape.compactMap { $0.evaluate(["N": size]) } == type(old).staticShape
          })
        else { return nil }
        builder = attempt
        return results
      }.first
      guard let results else { return nil }
      for (old, new) in zip(node.results, results) { values[old] = new }
    }
    for output in outputs {
      guard let value = values[output.value] else { return nil }
      builder.output(output.name, value)
    }
    return builder.graph
  }

  /// An operator with the multiples of a size among its attributes as multiples of the name.
  private func named<Op: Operation>(_ operation: Op, _ size: Int, _ name: Dim) -> any Operation {
    var changed = operation
    func named(_ dim: Dim) -> Dim {
      guard let value = dim.value, value > 0, value % size == 0 else { return dim }
      return name * Dim(value / size)
    }
    for attribute in Op.attributes {
      switch attribute.get(operation) {
      case .int(let value): _ = attribute.set(&changed, .dim(named(Dim(value))))
      case .ints(let values): _ = attribute.set(&changed, .dims(values.map { named(Dim($0)) }))
      case .dims(let dims): _ = attribute.set(&changed, .dims(dims.map(named)))
      default: continue
      }
    }
    return changed
  }
}
