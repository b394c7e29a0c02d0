// SPDX-License-Identifier: Apache-2.0
// `lamina build`: writes files that run without the compiler.

import ArgumentParser
import ExecutableLinker
import GraphIR
import GraphLayers
import GraphLowering
import GraphSupport
import KernelIR
import LLVMBackend
import Lamina
import PlanIR
import TensorCore

struct Build: ParsableCommand {
  enum Emit: String, ExpressibleByArgument, CaseIterable {
    case executable, shared, `static`, object, header, llvm, asm
  }

  static let configuration = CommandConfiguration(
    abstract: "Compile a model to an executable or a library.",
    discussion: """
      Example: lamina build graphs/digits.graph -o digits && ./digits --help

      The executable needs nothing but the C library. Weights are inside; --weights FILE leaves them in a file beside \
      it, mapped into memory (a .safetensors, .npz or .npy file is read for the weights instead).
      """)

  @OptionGroup var model: ModelOptions
  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write.", valueName: "path"))
  var output: String
  @Option(help: "What to write: executable, shared, static, object, header, llvm or asm.")
  var emit = Emit.executable
  @Option(help: ArgumentHelp("The processor: native, x86-64-v2, x86-64-v3 or x86-64-v4.", valueName: "name"))
  var cpu: String?
  @OptionGroup var precision: PrecisionOptions
  @OptionGroup var tuning: TuningOptions
  @OptionGroup var timing: TimingOptions
  @OptionGroup var options: OutputOptions

  func run() throws {
    options.apply()
    var model = model
    var placement = ModelLinker.Weights.inside
    if let path = model.weights, !path.hasSuffix(".safetensors"), !path.hasSuffix(".npz"), !path.hasSuffix(".npy") {
      placement = .beside(path)
      model.settings.weights = nil
    }
    let times = timing.start()
    let source = try times.measure { try model.load() }
    if !options.quiet && !options.json { Terminal.report(source.resolved.warnings) }
    var compile = try compileOptions(source, precision)
    if let cpu { compile.target = try TargetDescription.named(cpu) }
    guard !tuning.tune || TargetDescription.native.features.isSuperset(of: compile.target.features) else {
      throw ValidationError("--tune measures here, and this processor cannot run code for '\(compile.target.name)'")
    }
    compile = try tuning.tuned(source, compile, options)
    let plan = try times.measure { try write(source, compile, placement) }
    if !options.json { times.show() }
    if options.quiet { return }
    let size = fileSize(output) ?? 0
    if options.json {
      Terminal.print(
        "{\"path\": \(jsonString(output)), \"bytes\": \(size), \"weights\": \(plan.weightsByteCount), "
          + "\"kernels\": \(plan.kernels.count), \"steps\": \(plan.steps.count)\(times.jsonMember)}")
    } else {
      Terminal.print(
        "\(output)  \(bytesText(size))  (weights \(bytesText(plan.weightsByteCount)), \(plan.kernels.count) "
          + "kernel\(plan.kernels.count == 1 ? "" : "s"), \(plan.steps.count) step\(plan.steps.count == 1 ? "" : "s"))")
      if emit == .executable { Terminal.print("next: \(output.contains("/") ? output : "./\(output)") --help") }
    }
  }

  private func write(
    _ source: ModelSource, _ compile: CompileOptions, _ placement: ModelLinker.Weights
  ) throws -> Plan {
    if let kind = ModelLinker.Output(rawValue: emit.rawValue) {
      return try buildFile(source.graph, compile, kind, to: output, weights: placement).plan
    }
    let lowered = try CompiledModel.lower(source.graph, compile)
    if emit == .header {
      try ModelLinker(plan: lowered.plan, kernels: []).writeHeader(to: output)
      return lowered.plan
    }
    let compiler = KernelCompiler(target: compile.target)
    let texts = try timed("compile") {
      try lowered.kernels.map { emit == .llvm ? try compiler.llvmText($0) : try compiler.assembly($0) }
    }
    try AtomicFile.write(texts.joined(separator: "\n"), to: output)
    return lowered.plan
  }
}
