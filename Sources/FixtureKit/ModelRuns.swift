// SPDX-License-Identifier: Apache-2.0
// One model, one set of inputs, every way to compute the outputs.

import ExecutableLinker
import GraphIR
import GraphInterpreter
import GraphOptimizer
import GraphSupport
import Lamina
import PlanIR
import TensorCore
import TensorFiles

struct ModelRuns {
  private let graph: Graph
  private let names: [String]
  private let inputs: [Tensor]
  private var named: [String: Tensor] { Dictionary(zip(names, inputs), uniquingKeysWith: { first, _ in first }) }

  /// Random inputs for a model; sizes that are not given are small and differ, so that axes are not mixed up unseen.
  init(_ graph: Graph, seed: Int, sizes: [String: Int]) throws {
    self.graph = graph
    var dims = sizes
    for (place, symbol) in graph.symbols.enumerated() where dims[symbol.name] == nil {
      dims[symbol.name] = min(max(3 + 2 * (place % 4), symbol.range.lowerBound), symbol.range.upperBound)
    }
    if let unknown = sizes.keys.filter({ name in !graph.symbols.contains { $0.name == name } }).min() {
      throw DiagnosticsError("bad-fixture", "the model has no size '\(unknown)'")
    }
    let ports = graph.inputs.map { (name: graph[$0].name ?? "", type: graph.type($0)) }
    names = ports.map(\.name)
    inputs = try randomInputs(ports, seed: seed, dims: dims)
  }

  /// Given inputs, in the graph's order.
  init(_ graph: Graph, inputs: [Tensor]) {
    self.graph = graph
    names = graph.inputs.map { graph[$0].name ?? "" }
    self.inputs = inputs
  }

  /// The interpreter's outputs as expectations, and where the other ways differ from them.
  func compareAll(_ options: FixtureOptions, _ tolerance: Tolerance) throws -> (actual: [String], failures: [String]) {
    let (reference, failures) = try differences(options, tolerance)
    return (graph.outputs.compactMap { output in reference[output.name].map { line(output.name, $0) } }, failures)
  }

  /// The interpreter's outputs, and where the other ways differ from them.
  func differences(
    _ options: FixtureOptions, _ tolerance: Tolerance
  ) throws -> (reference: [String: Tensor], failures: [String]) {
    let reference = try interpret(graph, inputs: named)
    var failures: [String] = []
    func compare(_ way: String, _ outputs: [String: Tensor], _ expected: [String: Tensor], _ tolerance: Tolerance) {
      for output in graph.outputs {
        guard let wanted = expected[output.name], let found = outputs[output.name] else {
          failures.append("\(way): output '\(output.name)' is missing")
          continue
        }
        let comparison = TensorComparison(
          found, wanted, absolute: tolerance.absolute, relative: tolerance.relative)
        if !comparison.matches { failures.append("\(way): output '\(output.name)': \(comparison)") }
      }
    }
    var context = PassContext()
    let optimized = try GraphPass.run(GraphPass.pipeline(.full), on: graph, &context)
    compare("optimised", try interpret(optimized, inputs: named), reference, tolerance)
    let compiled = try CompiledModel(graph, options.compile)
    let results = try compiled.run(inputs)
    let outputs = Dictionary(zip(compiled.plan.outputs.map(\.name), results), uniquingKeysWith: { first, _ in first })
    compare("compiled", outputs, reference, tolerance)
    for threads in [2, 3, 7] {
      let threaded = try compiled.run(inputs, threads: threads)
      for (port, (found, wanted)) in zip(compiled.plan.outputs, zip(threaded, results)) where !found.isIdentical(to: wanted) {
        failures.append("output '\(port.name)' has other bits with \(threads) threads than with 1")
      }
    }
    if options.buildsExecutables {
      // The same kernels: the same bits.
      compare("executable", try executable(options), outputs, Tolerance(absolute: 0, relative: 0))
    }
    return (reference, failures)
  }

  /// The outputs of a program built from the model.
  private func executable(_ options: FixtureOptions) throws -> [String: Tensor] {
    let folder = try TemporaryFolder()
    let program = folder.file("model")
    _ = try buildFile(graph, options.compile, .executable, to: program)
    var arguments: [String] = []
    for (place, (name, tensor)) in zip(names, inputs).enumerated() {
      let path = folder.file("input\(place).npy")
      try writeTensor(tensor, to: path)
      arguments += ["--input", "\(name)=\(path)"]
    }
    for (place, output) in graph.outputs.enumerated() {
      arguments += ["--output", "\(output.name)=\(folder.file("output\(place).npy"))"]
    }
    let finished = try runProgram(program, arguments)
    guard finished.status == 0 else {
      throw DiagnosticsError("executable", "the executable ended with \(finished.status): \(finished.error)")
    }
    var outputs: [String: Tensor] = [:]
    for (place, output) in graph.outputs.enumerated() {
      outputs[output.name] = try readTensor(folder.file("output\(place).npy"))
    }
    return outputs
  }

  /// Values that an expectation shows.
  private static let shownCount = 8

  /// An output with its first values, rounded to what any way of computing gives.
  private func line(_ name: String, _ tensor: Tensor) -> String {
    let values = (0..<min(tensor.count, Self.shownCount)).map { NumberText.short(tensor.double($0), digits: 4) }
    let more = tensor.count > Self.shownCount ? " …" : ""
    return "\(name) \(tensor.type) = \(values.joined(separator: " "))\(more)"
  }
}
