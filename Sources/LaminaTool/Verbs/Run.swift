// SPDX-License-Identifier: Apache-2.0
// `lamina run`: computes a model's outputs.

import ArgumentParser
import GraphIR
import GraphInterpreter
import GraphLayers
import GraphSupport
import Lamina
import PlanIR
import TensorCore

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a model.",
    discussion: """
      Example: lamina run graphs/mlp.graph --input image=digit.npy --output digit=answer.npy

      Inputs and outputs are .npy, .npz (PATH:KEY), .safetensors (PATH:KEY), .csv, .png, .wav or .json files; with one
      input or output the name may be left out, and --input all.npz gives several at once. Outputs that are not asked
      for are summarised.
      """)

  @OptionGroup var model: ModelOptions
  @Option(help: ArgumentHelp("An input.", valueName: "name=path"))
  var input: [String] = []
  @Option(help: ArgumentHelp("Where to write an output.", valueName: "name=path"))
  var output: [String] = []
  @Option(help: ArgumentHelp("Make random inputs.", valueName: "seed"))
  var random: Int?
  @OptionGroup var backend: BackendOptions
  @OptionGroup var precision: PrecisionOptions
  @OptionGroup var tuning: TuningOptions
  @OptionGroup var timing: TimingOptions
  @OptionGroup var options: OutputOptions

  func run() throws {
    options.apply()
    let times = timing.start()
    let source = try times.measure { try model.load(inputs: input) }
    if !options.quiet && !options.json { Terminal.report(source.resolved.warnings) }
    let ports = source.graph.inputs.map { (name: source.graph[$0].name ?? "", type: source.graph.type($0)) }
    let inputs = try tensors(ports, source)
    let outputs: [(name: String, tensor: Tensor)]
    var compile = try compileOptions(source, precision)
    switch backend.backend {
    case .interpreter:
      let values = try interpret(
        try CompiledModel.definition(source.graph, compile), inputs: Dictionary(zip(ports.map(\.name), inputs), uniquingKeysWith: { first, _ in first }))
      outputs = source.graph.outputs.compactMap { output in values[output.name].map { (output.name, $0) } }
    case .jit:
      compile = try tuning.tuned(source, compile, options)
      let compiled = try times.measure { try CompiledModel(source.graph, compile) }
      let results = try compiled.run(inputs, threads: backend.threads)
      outputs = zip(compiled.plan.outputs.map(\.name), results).map { ($0, $1) }
    }
    let shown = Set(try writeOutputs(output, outputs))
    let results = outputs.filter { shown.contains($0.name) }
    if options.json {
      let list = "[\(results.map { jsonSummary($0.name, $0.tensor) }.joined(separator: ",\n "))]"
      Terminal.print(times == nil ? list : "{\"outputs\": \(list)\(times.jsonMember)}")
    } else {
      for result in results { Terminal.print(textSummary(result.name, result.tensor)) }
      times.show()
    }
  }

  private func tensors(_ ports: [(name: String, type: TensorType)], _ source: ModelSource) throws -> [Tensor] {
    guard let random else { return try readInputs(input, ports, bound: source.boundInputs) }
    guard input.isEmpty else { throw ValidationError("--random and --input exclude each other") }
    return try randomInputs(ports, seed: random, dims: smallestSizes(source.graph))
  }
}
