// SPDX-License-Identifier: Apache-2.0
// Code of its own for named sizes: the same values as a model compiled for that size alone, and weights there once.

import FixtureKit
import GraphIR
import GraphInterpreter
import GraphLayers
import GraphLowering
import GraphSupport
import Lamina
import PlanIR
import TensorCore
import Testing

@Suite struct FastSizesTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var name: String
    var dims: String
    var boxes: String
    /// Sizes to run, fast ones and others.
    var sizes: [[String: Int]]
    var testDescription: String { name }
  }

  static let cases = [
    Case(
      name: "dense", dims: "{N: {range: 1..64, fast: [1, 8]}}",
      boxes: "x[\"Input(N, 48)\"] --> a[\"Dense(96, relu)\"] --> y[\"Dense(10, softmax)\"]",
      sizes: [1, 2, 7, 8, 9, 64].map { ["N": $0] }),
    Case(
      name: "convolutions", dims: "{N: {range: 1..8, fast: 2}, H: {range: 8..32, fast: [8, 16]}}",
      boxes: """
        x["Input(N, H, H, 3)"] --> a["Conv2D(16, 3x3, relu)"] --> b["BatchNormalization()"] --> c["MaxPool2D(2x2)"]
        c --> d["Conv2D(8, 3x3, relu)"] --> y["GlobalAvgPool2D()"]
        """,
      sizes: [(2, 8), (2, 16), (1, 16), (2, 9), (8, 32)].map { ["N": $0, "H": $1] }),
    Case(
      name: "attention", dims: "{T: {range: 1..40, fast: [1, 32]}, N: 1..4}",
      boxes: "x[\"Input(N, T, 32)\"] --> a[\"MultiHeadAttention(4, 8)\"] --> y[\"LayerNormalization()\"]",
      sizes: [(1, 1), (3, 1), (2, 32), (2, 33), (4, 7)].map { ["N": $0, "T": $1] }),
    Case(
      name: "recurrence", dims: "{N: {range: 1..8, fast: [1, 4]}, T: 1..20}",
      boxes: "x[\"Input(N, T, 6)\"] --> a[\"LSTM(16)\"] --> y[\"Dense(3)\"]",
      sizes: [(1, 5), (4, 5), (3, 20)].map { ["N": $0, "T": $1] }),
  ]

  private func load(_ test: Case, _ folder: TemporaryFolder, _ dims: [String: Int] = [:]) throws -> ModelSource {
    let text = "---\nseed: 3\ndims: \(test.dims)\n---\ngraph TD\n\(test.boxes)\n"
    try AtomicFile.write(text, to: folder.file("x.graph"))
    return try ModelSource.load(folder.file("x.graph"), options: ResolveOptions(dims: dims))
  }

  @Test(arguments: cases) func sameAsStaticCompile(_ test: Case) throws {
    let folder = try TemporaryFolder()
    let source = try load(test, folder)
    let model = try CompiledModel(source.graph, CompileOptions(fast: source.fast))
    #expect(!model.plan.variants.isEmpty)
    let ports = model.plan.inputs.map { (name: $0.name, type: $0.type) }
    for sizes in test.sizes {
      let inputs = try randomInputs(ports, seed: 5, dims: sizes)
      let isFast = model.plan.variants.contains { variant in variant.sizes.allSatisfy { sizes[$0.key] == $0.value } }
      #expect((model.plan.steps(for: sizes) != model.plan.generalSteps) == isFast, "\(sizes)")
      let outputs = try model.run(inputs)
      let alone = try CompiledModel(load(test, folder, sizes).graph).run(inputs)
      let expected = try interpret(
        source.graph, inputs: Dictionary(zip(ports.map(\.name), inputs), uniquingKeysWith: { first, _ in first }))
      for (port, (output, reference)) in zip(model.plan.outputs, zip(outputs, alone)) {
        // Both round; the order of sums differs where the tiles do.
        let comparison = TensorComparison(output, reference, absolute: 2e-6, relative: 2e-5)
        #expect(comparison.matches, "\(sizes): \(comparison.maxAbsoluteError)")
        let meaning = try #require(expected[port.name])
        #expect(TensorComparison(output, meaning, absolute: 1e-5, relative: 1e-4).matches, "\(sizes)")
      }
      // Threads change nothing.
      let threaded = try model.run(inputs, threads: 2)
      #expect(zip(outputs, threaded).allSatisfy { $0.isIdentical(to: $1) }, "\(sizes)")
    }
  }

  /// What differs in no packing is stored once.
  @Test func weightsAreShared() throws {
    let folder = try TemporaryFolder()
    let test = Case(
      name: "", dims: "{N: {range: 16..512, fast: [32, 64, 128]}}",
      boxes: "x[\"Input(N, 64)\"] --> a[\"Embedding(1000, 8)\"] --> b[\"Flatten()\"] --> y[\"Dense(64)\"]"
        .replacing("Input(N, 64)", with: "Input(N, 64, i64)"), sizes: [])
    let source = try load(test, folder)
    let general = try CompiledModel.lower(source.graph, CompileOptions())
    let fast = try CompiledModel.lower(source.graph, CompileOptions(fast: source.fast))
    #expect(fast.plan.variants.count == 3)
    #expect(fast.plan.constants.filter { $0.packing == nil } == general.plan.constants.filter { $0.packing == nil })
    // The dense layer's weights may be packed once for any size and once for the known ones.
    let dense = 64 * 8 * 64 * 4
    #expect(fast.plan.weightsByteCount <= general.plan.weightsByteCount + dense + 4096)
  }

  @Test func eachSizeHasItsArena() throws {
    let folder = try TemporaryFolder()
    let source = try load(Self.cases[0], folder)
    let plan = try CompiledModel.lower(source.graph, CompileOptions(fast: source.fast)).plan
    #expect(plan.verify().isEmpty)
    for size in [1, 8] {
      let alone = try CompiledModel.lower(load(Self.cases[0], folder, ["N": size]).graph, CompileOptions()).plan
      #expect(plan.arenaBytes(["N": size]) == alone.arenaBytes())
    }
  }

  @Test func faults() throws {
    let folder = try TemporaryFolder()
    func message(_ dims: String, _ fast: [String: [Int]] = [:]) throws -> String {
      try AtomicFile.write(
        "---\ndims: \(dims)\n---\ngraph TD\nx[\"Input(N, T, 4)\"] --> y[\"Relu\"]\n", to: folder.file("x.graph"))
      do {
        _ = try ModelSource.load(folder.file("x.graph"), fast: fast)
        return ""
      } catch let error as DiagnosticsError {
        return error.diagnostics.map { "\($0.location.map { "\($0)" } ?? ""): \($0.message)" }.joined(separator: "\n")
      }
    }
    let many = try message("{N: {range: 1..64, fast: [1, 2, 3, 4, 5]}, T: {range: 1..64, fast: [1, 2, 3, 4]}}")
    #expect(many.contains("5 of 'N', 4 of 'T'") && many.contains("more than 16 combinations") && many.contains(":2:"))
    #expect(try message("{N: {range: 1..64, fast: [1, 2, 3, 4]}, T: {range: 1..64, fast: [1, 2, 3, 4]}}").isEmpty)
    #expect(try message("{N: 1..64}", ["M": [1]]).contains("no named size 'M'"))
    #expect(try message("{N: 1..64}", ["N": [65]]).contains("N = 65 is outside its range 1..64"))
    // A fixed size has no code but its own.
    try AtomicFile.write(
      "---\ndims: {N: {range: 1..4, fast: 2}}\n---\ngraph TD\nx[\"Input(N, 4)\"] --> y[\"Relu\"]\n", to: folder.file("x.graph"))
    let fixed = try ModelSource.load(folder.file("x.graph"), options: ResolveOptions(dims: ["N": 2]))
    #expect(fixed.fast.isEmpty)
    #expect(try CompiledModel.lower(fixed.graph, CompileOptions(fast: fixed.fast)).plan.variants.isEmpty)
  }
}
