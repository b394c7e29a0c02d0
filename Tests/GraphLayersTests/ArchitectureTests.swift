// SPDX-License-Identifier: Apache-2.0
// The published architectures in graphs/architectures: their parameter counts, and that the small ones compile and run.
// `lamina compare FILE --dim N=1` compares the large ones at full size.

import Foundation
import GraphIR
import GraphInterpreter
import GraphLanguage
import GraphLayers
import GraphSupport
import Lamina
import TensorCore
import Testing

@Suite struct ArchitectureTests {
  struct Architecture: Sendable, CustomTestStringConvertible {
    let file: String
    var model: String?
    /// Elements of what training changes.
    let parameters: Int
    /// Elements of running statistics.
    var statistics = 0
    /// Whether it is small enough for the interpreter in a test.
    var isSmall = false

    var testDescription: String { "\(file) \(model ?? "")" }

    var path: String {
      let folder = URL(filePath: #filePath).deletingLastPathComponent()
      return folder.appending(path: "../../graphs/architectures/\(file).graph").standardizedFileURL.path
    }
  }

  static let all = [
    Architecture(file: "alexnet", parameters: 61_100_840),
    Architecture(file: "autoencoder", parameters: 5_544, statistics: 128, isSmall: true),
    Architecture(file: "bert_base", parameters: 109_482_240),
    Architecture(file: "efficientnet_b0", parameters: 5_288_548, statistics: 42_016),
    Architecture(file: "forecaster", parameters: 38_819, statistics: 6, isSmall: true),
    Architecture(file: "gan", model: "discriminator", parameters: 212_865, isSmall: true),
    Architecture(file: "gan", model: "generator", parameters: 2_305_472, statistics: 25_472, isSmall: true),
    Architecture(file: "gpt2", parameters: 124_439_808),
    Architecture(file: "inception_v1", parameters: 6_998_552),
    Architecture(file: "lstm_tagger", parameters: 1_185_489, isSmall: true),
    Architecture(file: "recommender", parameters: 93_058, isSmall: true),
    Architecture(file: "resnet50", parameters: 25_557_032, statistics: 53_120),
    Architecture(file: "roberta_base", parameters: 124_645_632),
    Architecture(file: "transformer", parameters: 63_045_632),
    Architecture(file: "unet_denoiser", parameters: 1_017_155, isSmall: true),
    Architecture(file: "vit_b16", parameters: 86_567_656),
  ]

  @Test(arguments: all) func counts(_ architecture: Architecture) throws {
    let source = try resolved(architecture)
    let boxes = statistics(source).filter { $0.depth == 0 }
    #expect(boxes.reduce(0) { $0 + $1.parameterCount } == architecture.parameters)
    #expect(boxes.reduce(0) { $0 + $1.untrainedCount } == architecture.statistics)
  }

  /// Every file of the folder is in the table.
  @Test func everyFileIsCounted() throws {
    let folder = URL(filePath: Self.all[0].path).deletingLastPathComponent()
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".graph") }
    #expect(Set(files) == Set(Self.all.map { "\($0.file).graph" }))
  }

  @Test(arguments: all.filter(\.isSmall)) func compiledEqualsInterpreted(_ architecture: Architecture) throws {
    let source = try ModelSource.load(architecture.path, seed: 1, options: ResolveOptions(model: architecture.model))
    let ports = source.graph.inputs.map { (name: source.graph[$0].name ?? "", type: source.graph.type($0)) }
    let dims = Dictionary(uniqueKeysWithValues: source.graph.symbols.map { ($0.name, min(2, $0.range.upperBound)) })
    let inputs = try randomInputs(ports, seed: 1, dims: dims)
    let expected = try interpret(
      source.graph, inputs: Dictionary(zip(ports.map(\.name), inputs), uniquingKeysWith: { first, _ in first }))
    let outputs = try CompiledModel(source.graph).run(inputs)
    for (output, tensor) in zip(source.graph.outputs, outputs) {
      let comparison = TensorComparison(tensor, try #require(expected[output.name]), absolute: 1e-5, relative: 1e-4)
      #expect(comparison.matches, "'\(output.name)': \(comparison)")
    }
  }

  private func resolved(_ architecture: Architecture) throws -> ResolvedModel {
    let (file, findings) = loadGraphFile(architecture.path)
    guard let file, !findings.contains(where: { $0.severity == .error }) else { throw DiagnosticsError(findings) }
    return try resolveModel(file, ResolveOptions(model: architecture.model))
  }
}
