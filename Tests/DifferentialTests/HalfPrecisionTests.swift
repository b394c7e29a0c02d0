// SPDX-License-Identifier: Apache-2.0
// Models with products in half precision: compiled code against the interpreter on the graph with the same roundings.

import FixtureKit
import Foundation
import GraphIR
import GraphInterpreter
import GraphLowering
import GraphOptimizer
import Lamina
import LLVMBackend
import PlanIR
import TensorCore
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL.path

@Suite struct HalfPrecisionTests {
  /// Models of fixtures and of the published graphs that are small enough for the interpreter.
  static let models: [String] = ["Tests/FixtureTests/Fixtures/models", "Tests/FixtureTests/Fixtures/ops", "graphs"].flatMap {
    folder in
    ((try? fixtureFiles(["\(root)/\(folder)"])) ?? []).filter { !$0.contains("/architectures/") && !$0.contains("/_") }
      .map { String($0.dropFirst(root.count + 1)) }
  }

  @Test func someModelsHaveProducts() throws { #expect(Self.models.count > 40) }

  @Test(arguments: models) func compiledEqualsInterpreted(_ name: String) throws {
    // Fixtures of several models name the one they test; pipelines are no models.
    guard let source = try? ModelSource.load("\(root)/\(name)", seed: 3) else { return }
    let definition = try CompiledModel.definition(source.graph, CompileOptions(precision: .bf16))
    // Without products nothing is computed in half precision.
    guard describe(definition).contains("bf16") else { return }
    var sizes = smallestSizes(source.graph)
    for (name, range) in source.graph.ranges { sizes[name] = min(max(range.lowerBound, 3), range.upperBound) }
    let ports = source.graph.inputs.map { (name: source.graph[$0].name ?? "", type: source.graph.type($0)) }
    let inputs = try randomInputs(ports, seed: 5, dims: sizes)
    let named = Dictionary(zip(ports.map(\.name), inputs), uniquingKeysWith: { first, _ in first })
    let expected = try interpret(definition, inputs: named)
    for target in ["native", "x86-64-v3", "x86-64-v2"] {
      guard let target = try? TargetDescription.host(target) else { continue }
      let options = CompileOptions(target: target, precision: .bf16, jobs: 1)
      let compiled = try CompiledModel(source.graph, options)
      let outputs = try compiled.run(inputs)
      for (port, output) in zip(compiled.plan.outputs, outputs) {
        let reference = try #require(expected[port.name])
        // A sum that lies between two bf16 numbers may be rounded to either.
        let comparison = TensorComparison(output, reference, absolute: 0.02, relative: 0.02)
        #expect(comparison.matches, "\(name), \(target.name), '\(port.name)': \(comparison)")
      }
      for (one, several) in zip(outputs, try compiled.run(inputs, threads: 3)) { #expect(one.isIdentical(to: several)) }
    }
  }

  @Test func constantsAreStoredInHalf() throws {
    let source = try ModelSource.load("\(root)/graphs/mlp.graph", seed: 3)
    let single = try CompiledModel.lower(source.graph, CompileOptions())
    let half = try CompiledModel.lower(source.graph, CompileOptions(precision: .bf16))
    #expect(Double(half.plan.weightsByteCount) < 0.55 * Double(single.plan.weightsByteCount))
  }
}
