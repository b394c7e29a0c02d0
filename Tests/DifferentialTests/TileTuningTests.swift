// SPDX-License-Identifier: Apache-2.0
// Measured tiles: any of them computes the same, the fastest are kept, and what is kept is not trusted.

import FixtureKit
import Foundation
import GraphIR
import GraphInterpreter
import GraphLowering
import GraphSupport
import KernelIR
import LLVMBackend
import Lamina
import PlanIR
import TensorCore
import Testing

@Suite struct TileTuningTests {
  private func source(_ folder: TemporaryFolder) throws -> ModelSource {
    try AtomicFile.write(
      """
      ---
      seed: 3
      dims: {N: {range: 1..32, fast: 4}}
      ---
      graph TD
      x["Input(N, 12, 12, 3)"] --> a["Conv2D(16, 3x3, relu)"] --> b["Flatten()"] --> y["Dense(10, tanh)"]

      """, to: folder.file("x.graph"))
    return try ModelSource.load(folder.file("x.graph"))
  }

  private func check(_ source: ModelSource, _ options: CompileOptions, _ what: String) throws {
    let model = try CompiledModel(source.graph, options)
    let ports = model.plan.inputs.map { (name: $0.name, type: $0.type) }
    for size in [1, 4, 5] {
      let inputs = try randomInputs(ports, seed: 5, dims: ["N": size])
      let expected = try interpret(source.graph, inputs: [ports[0].name: inputs[0]])
      let output = try model.run(inputs)[0]
      let meaning = try #require(expected[model.plan.outputs[0].name])
      #expect(TensorComparison(output, meaning, absolute: 1e-5, relative: 1e-4).matches, "\(what), N = \(size)")
    }
  }

  @Test func anyCandidateComputesTheSame() throws {
    let folder = try TemporaryFolder()
    let source = try source(folder)
    var options = CompileOptions(fast: source.fast)
    let shapes = Set(try CompiledModel.lower(source.graph, options).contractions.compactMap { $0 })
    #expect(shapes.count >= 3)
    for shape in shapes {
      #expect(shape.tiles.first == shape.ruledTile && shape.tiles.count > 2)
      #expect(Set(shape.tiles).count == shape.tiles.count)
    }
    for round in 0..<(shapes.map(\.tiles.count).max() ?? 0) {
      for shape in shapes { options.tiles[shape] = shape.tiles[round % shape.tiles.count] }
      try check(source, options, "round \(round)")
    }
  }

  @Test func fastestAreKept() throws {
    let folder = try TemporaryFolder()
    let source = try source(folder)
    var options = CompileOptions(fast: source.fast)
    let place = folder.file("tiles")
    defer { try? FileManager.default.removeItem(atPath: place) }
    let cache = TileCache(folder: place, target: options.target)
    func tune(seconds: Double = 1e6) throws -> (TuningReport, rounds: Int) {
      var rounds = 0
      var tuner = TileTuner(
        source.graph, options, cache: cache, seconds: seconds, patience: .milliseconds(1)
      ) { _, _ in rounds += 1 }
      let (tiles, report) = try tuner.tune()
      #expect(tiles.count == report.shapes && tiles.allSatisfy { $0.key.tiles.contains($0.value) })
      var options = options
      options.tiles = tiles
      try check(source, options, "tuned")
      return (report, rounds)
    }
    // No time: one measurement of the rule's tiles, to go on from.
    let (short, shortRounds) = try tune(seconds: 1e-6)
    #expect(short.known == 0 && short.unfinished == short.shapes && shortRounds == 1)
    let (first, rounds) = try tune()
    #expect(first.known == 0 && first.unfinished == 0 && rounds > 1)
    let (second, none) = try tune()
    #expect(second.known == first.shapes && none == 0 && second.improved == first.improved)
    // What is damaged is measured anew; what is no candidate is not taken.
    for name in try FileManager.default.contentsOfDirectory(atPath: place) {
      try AtomicFile.write("99 7 1 0.5\n1 x\n\u{0}\n4 16 4 -1\n4 16 4 nan\n", to: "\(place)/\(name)")
    }
    let (third, again) = try tune()
    #expect(third.known == 0 && third.unfinished == 0 && again > 1)
    options.target = try TargetDescription.named("x86-64-v2")
    let (other, _) = try tune(seconds: 1e-6)
    #expect(other.known == 0)
  }
}
