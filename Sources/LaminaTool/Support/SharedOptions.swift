// SPDX-License-Identifier: Apache-2.0
// Options that verbs share.

import ArgumentParser
import GraphLayers
import GraphOptimizer
import GraphSupport
import Lamina
import LLVMBackend

extension Terminal.Color: ExpressibleByArgument {}

/// What every verb takes.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print results only.")
  var quiet = false
  @Flag(help: "Print JSON for programs.")
  var json = false
  @Option(help: ArgumentHelp("When to use colours: auto, always or never.", valueName: "when"))
  var color = Terminal.Color.auto

  func apply() {
    Terminal.color = color
    Terminal.writesJSON = json
  }
}

/// Which model, with which sizes and weights.
@dynamicMemberLookup
struct ModelOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("The model.", valueName: "file"))
  var file: String
  @OptionGroup var settings: LoadOptions

  subscript<Value>(dynamicMember path: KeyPath<LoadOptions, Value>) -> Value { settings[keyPath: path] }

  /// Reads the model; for one run when its inputs are given.
  func load(inputs: [String] = []) throws -> ModelSource { try settings.load(file, inputs: inputs) }
}

/// With which sizes and weights a model is read.
struct LoadOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Fix a named size.", valueName: "name=size"))
  var dim: [String] = []
  @Option(help: ArgumentHelp("Make code of its own for these values of a named size, such as N=1,8.", valueName: "name=sizes"))
  var fast: [String] = []
  @Option(help: ArgumentHelp("Take the weights from this file.", valueName: "path"))
  var weights: String?
  @Option(help: ArgumentHelp("The seed of parameters that no file gives.", valueName: "number"))
  var seed: Int?
  @Option(help: ArgumentHelp("The model to take, for files with several.", valueName: "name"))
  var model: String?

  @Option(help: ArgumentHelp("Make an input of an ONNX model a constant, such as sr=16000 or axes=[0, 1].", valueName: "name=value"))
  var constant: [String] = []

  /// The sizes of `--dim NAME=SIZE` arguments.
  static func sizes(_ arguments: [String]) throws -> [String: Int] {
    var result: [String: Int] = [:]
    for text in arguments {
      guard let equals = text.lastIndex(of: "="), equals > text.startIndex,
        let size = Int(text[text.index(after: equals)...]), size >= 0
      else {
        throw ValidationError("--dim takes NAME=SIZE such as N=32, found '\(text)'")
      }
      result[String(text[..<equals])] = size
    }
    return result
  }

  /// The sizes of `--fast NAME=SIZE,SIZE` arguments.
  private func fastSizes() throws -> [String: [Int]] {
    var result: [String: [Int]] = [:]
    for text in fast {
      let parts = text.split(separator: "=", omittingEmptySubsequences: false)
      let sizes = parts.last?.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) } ?? []
      guard parts.count == 2, !parts[0].isEmpty, sizes.allSatisfy({ ($0 ?? -1) >= 0 }) else {
        throw ValidationError("--fast takes NAME=SIZES such as N=1,8, found '\(text)'")
      }
      result[String(parts[0]), default: []] += sizes.compactMap { $0 }
    }
    return result
  }

  /// The values of `--constant NAME=VALUE` arguments.
  private func constants() throws -> [String: String] {
    var result: [String: String] = [:]
    for text in constant {
      guard let equals = text.lastIndex(of: "="), equals > text.startIndex else {
        throw ValidationError("--constant takes NAME=VALUE such as sr=16000, found '\(text)'")
      }
      result[String(text[..<equals])] = String(text[text.index(after: equals)...])
    }
    return result
  }

  /// Reads the model; for one run when its inputs are given.
  func load(_ file: String, inputs: [String] = []) throws -> ModelSource {
    try ModelSource.load(
      file, weights: weights, seed: seed, options: ResolveOptions(model: model, dims: try Self.sizes(dim)),
      fast: try fastSizes(), constants: try constants(), run: inputs.isEmpty || !ModelSource.isONNX(file) ? nil : try runInputs(inputs))
  }
}

/// Who computes.
struct BackendOptions: ParsableArguments {
  enum Backend: String, ExpressibleByArgument, CaseIterable { case jit, interpreter }
  @Option(help: "jit compiles; interpreter is the slow definition.")
  var backend = Backend.jit
  @Option(help: ArgumentHelp("The most threads to use; 0 for all cores this process may use.", valueName: "number"))
  var threads = 0
}

extension Precision: ExpressibleByArgument {}
extension WinogradLimit: ExpressibleByArgument {}

/// What products multiply.
struct PrecisionOptions: ParsableArguments {
  @Option(help: "What products multiply, f32 or bf16; sums are f32. Without it the model's own.")
  var precision: Precision?
  @Option(
    help: ArgumentHelp(
      "Compute 3 × 3 convolutions of f32 by Winograd's method in tiles of up to 2 or 4 where that is less work; off "
        + "makes every product. Without it the model's own.", valueName: "off|2|4"))
  var winograd: WinogradLimit?
}

/// Measured register tiles.
struct TuningOptions: ParsableArguments {
  @Flag(help: "Measure register tiles on this processor and use the fastest; they are kept for other runs with --tune.")
  var tune = false
  @Option(help: ArgumentHelp("With --tune: how long to measure, about, at most.", valueName: "seconds"))
  var tuneSeconds = 60.0

  func validate() throws {
    guard tuneSeconds > 0, tuneSeconds <= 86400 else {
      throw ValidationError("--tune-seconds is \(tuneSeconds), expected up to 86400")
    }
  }

  /// Options with the fastest tiles for a model.
  func tuned(_ source: ModelSource, _ options: CompileOptions, _ output: OutputOptions) throws -> CompileOptions {
    guard tune else { return options }
    let progress = Progress(isQuiet: output.quiet)
    defer { progress.finish() }
    var tuner = TileTuner(source.graph, options, cache: TileCache(target: options.target), seconds: tuneSeconds) {
      progress.show("measuring tiles", done: $0, of: $1)
    }
    var options = options
    let (tiles, report) = try tuner.tune()
    options.tiles = tiles
    progress.finish()
    if !output.quiet {
      Terminal.error(
        "tiles of \(report.shapes) contraction\(report.shapes == 1 ? "" : "s"): \(report.known) known, "
          + "\(report.shapes - report.known - report.unfinished) measured in \(decimals(report.seconds, 1)) s, "
          + "\(report.improved) better than by rule"
          + (report.unfinished == 0 ? "" : "; \(report.unfinished) not finished: --tune again goes on"))
    }
    return options
  }
}

/// For the processor that `LAMINA_CPU` names, or this one; in the model's precision, or another.
func compileOptions(_ source: ModelSource? = nil, _ precision: PrecisionOptions? = nil) throws -> CompileOptions {
  var options = CompileOptions(target: try TargetDescription.host(environment("LAMINA_CPU")))
  if let source { options.follow(source) }
  if let chosen = precision?.precision { options.precision = chosen }
  if let chosen = precision?.winograd { options.winograd = chosen }
  return options
}
