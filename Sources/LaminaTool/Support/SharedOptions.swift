// SPDX-License-Identifier: Apache-2.0
// Options that verbs share.

import ArgumentParser
import GraphLayers
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
struct ModelOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("The model.", valueName: "file"))
  var file: String
  @Option(help: ArgumentHelp("Fix a named size.", valueName: "name=size"))
  var dim: [String] = []
  @Option(help: ArgumentHelp("Take the weights from this file.", valueName: "path"))
  var weights: String?
  @Option(help: ArgumentHelp("The seed of parameters that no file gives.", valueName: "number"))
  var seed: Int?
  @Option(help: ArgumentHelp("The model to take, for files with several.", valueName: "name"))
  var model: String?

  /// The sizes of `--dim NAME=SIZE` arguments.
  static func sizes(_ arguments: [String]) throws -> [String: Int] {
    var result: [String: Int] = [:]
    for text in arguments {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, let size = Int(parts[1]), size >= 0 else {
        throw ValidationError("--dim takes NAME=SIZE such as N=32, found '\(text)'")
      }
      result[String(parts[0])] = size
    }
    return result
  }

  func load() throws -> ModelSource {
    try ModelSource.load(
      file, weights: weights, seed: seed, options: ResolveOptions(model: model, dims: try Self.sizes(dim)))
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

/// The processor to compile for: `LAMINA_CPU`, or this one.
func compileOptions() throws -> CompileOptions {
  CompileOptions(target: try TargetDescription.host(environment("LAMINA_CPU")))
}
