// SPDX-License-Identifier: Apache-2.0
// Finds the first part of a model whose compiled code differs from the interpreter.

import GraphIR
import GraphInterpreter
import GraphSupport
import TensorCore

/// How far apart two results may be: `absolute + relative · |reference|`.
package struct Tolerance: Sendable {
  package var absolute: Double
  package var relative: Double
  package init(absolute: Double = 1e-4, relative: Double = 1e-3) {
    self.absolute = absolute
    self.relative = relative
  }
}

/// A part whose compiled results differ, with what it was given.
package struct PartDifference: Sendable {
  package var part: GraphPart
  package var inputs: [Tensor]
  /// The first of its results that differs.
  package var value: ValueID
  package var comparison: TensorComparison
}

/// Compares the parts of a model one by one. Every part is compiled alone and gets the interpreter's values, rounded to
/// their types, so that errors do not add up; only values that are still needed are kept.
package struct PartComparer {
  package let graph: Graph
  private let options: CompileOptions
  private let threads: Int
  private let tolerance: Tolerance
  /// The values of all named sizes; run-time sizes join them as they are found.
  private var sizes: [String: Int]
  private let users: [[NodeID]]
  private var values: [ValueID: Tensor] = [:]
  /// Reads of a value that are still to come.
  private var remaining: [Int]

  /// - Parameter sizes: the values of all sizes that the inputs show.
  package init(
    _ graph: Graph, inputs: [Tensor], sizes: [String: Int], options: CompileOptions, threads: Int, tolerance: Tolerance
  ) {
    self.graph = graph
    self.options = options
    self.threads = threads
    self.tolerance = tolerance
    self.sizes = sizes
    users = graph.users()
    remaining = users.map(\.count)
    for (id, tensor) in zip(graph.inputs, inputs) { values[id] = tensor }
  }

  /// Goes through all boxes, calling `progress` with each number of boxes done, and returns the first difference, in
  /// the smallest part that shows it: one operator, or a whole box when only its operators together differ.
  package mutating func firstDifference(progress: (_ done: Int, _ count: Int) -> Void = { _, _ in }) throws
    -> PartDifference?
  {
    let runs = graph.boxRuns
    for (number, run) in runs.enumerated() {
      progress(number, runs.count)
      let before = values
      if let difference = try step(run) {
        guard run.count > 1 else { return difference }
        values = before
        for node in run { if let smaller = try step([node]) { return smaller } }
        return difference
      }
      for node in run {
        for operand in graph.nodes[node].operands {
          guard let operand else { continue }
          remaining[operand.index] -= 1
          if remaining[operand.index] == 0 { values[operand] = nil }
        }
      }
    }
    progress(runs.count, runs.count)
    return nil
  }

  /// Compares some nodes and keeps the interpreter's results.
  private mutating func step(_ nodes: [Int]) throws -> PartDifference? {
    let part = try GraphPart(nodes, of: graph, users: users, sizes: sizes)
    if part.outputs.isEmpty { return nil }
    let inputs = part.inputs.compactMap { values[$0] }
    guard inputs.count == part.inputs.count else { throw InternalError("a value that '\(part.origin.path)' reads is gone") }
    let names = part.inputs.map(GraphPart.inputName)
    let expected = try timed("interpret") {
      try interpret(part.graph, inputs: Dictionary(zip(names, inputs), uniquingKeysWith: { first, _ in first }))
    }
    let actual = try CompiledModel(part.graph, options).run(inputs, threads: threads)
    var difference: PartDifference?
    for (id, result) in zip(part.outputs, actual) {
      guard let reference = expected[GraphPart.outputName(id)] else { continue }
      let comparison = TensorComparison(
        result, reference, absolute: tolerance.absolute, relative: tolerance.relative)
      if difference == nil, !comparison.matches {
        difference = PartDifference(part: part, inputs: inputs, value: id, comparison: comparison)
      }
      values[id] = reference
      for (dim, size) in zip(graph.type(id).shape, reference.shape) {
        if let name = dim.symbols.first, dim == Dim(symbol: name), sizes[name] == nil { sizes[name] = size }
      }
    }
    return difference
  }
}
