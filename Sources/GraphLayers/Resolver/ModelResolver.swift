// SPDX-License-Identifier: Apache-2.0
// From a read file to a graph of operators: boxes become layers, operators, formulas and blocks.

import GraphIR
import GraphLanguage
import GraphOps
import GraphSupport
import TensorCore

/// Resolves a file's model; every error is found in one go.
package func resolveModel(_ file: GraphFile, _ options: ResolveOptions = ResolveOptions()) throws -> ResolvedModel {
  var resolver = ModelResolver(file, options)
  return try resolver.resolve()
}

/// Builds a model's boxes; the parts of it are in files of their own.
struct ModelResolver {
  /// The id of errors that are reported already, inside the block that a box uses.
  static let blockFailed = "block-failed"
  /// Blocks inside blocks; deeper is an error.
  static let blockDepthLimit = 64
  /// Nodes of a graph; more is an error rather than a full memory.
  static let nodeLimit = 2_000_000

  let file: GraphFile
  let options: ResolveOptions
  var builder: GraphBuilder
  var diagnostics: [Diagnostic] = []
  var boxes: [ResolvedBox] = []
  var declaredDims: [String: DimRange] = [:]
  /// Errors found, those that were reported before included.
  var failureCount = 0
  /// Keras' masks of values: which steps of a sequence count.
  var masks: [ValueID: ValueID] = [:]
  /// Named sizes that an input has.
  var dimsInUse: Set<String> = []
  /// Where the block that is being built is used.
  var blockUse: SourceLocation?

  init(_ file: GraphFile, _ options: ResolveOptions) {
    self.file = file
    self.options = options
    builder = GraphBuilder(name: file.frontMatter.title?.value ?? "model")
    for dim in file.frontMatter.dims { declaredDims[dim.name.value] = dim }
  }

  mutating func resolve() throws -> ResolvedModel {
    diagnostics += file.strayEdges().map { $0.diagnostic(in: file) }
    let scope = try mainScope()
    let values = resolve(scope, Environment(), path: "", depth: 0, bound: nil)
    for name in options.dims.keys.sorted() where !dimsInUse.contains(name) {
      let known = dimsInUse.sorted().joined(separator: ", ")
      let note = dimsInUse.isEmpty ? "the model has no named sizes" : "the sizes are \(known)"
      diagnostics.append(
        Diagnostic(
          .error, "unknown-dim", "there is no size '\(name)' to fix", file: file.source.path,
          notes: [Diagnostic.Note(note)]))
    }
    for dim in file.frontMatter.dims where !dimsInUse.contains(dim.name.value) {
      diagnostics.append(
        Diagnostic(
          .warning, "unused-dim", "no input uses the size '\(dim.name.value)'", at: file.location(dim.name.range)))
    }
    if diagnostics.contains(where: { $0.severity == .error }) { throw DiagnosticsError(diagnostics) }
    // Boxes that lead nowhere are the outputs.
    let sources = Set(scope.edges.map(\.from.id))
    for box in scope.boxes where !sources.contains(box.id) {
      let results = values[box.id] ?? []
      for result in results {
        builder.output(results.count == 1 ? box.id : "\(box.id):\(result.name)", result.value)
      }
    }
    if builder.graph.outputs.isEmpty {
      throw DiagnosticsError("no-output", "the model has no boxes", file: file.source.path)
    }
    return ResolvedModel(graph: builder.graph, boxes: boxes, warnings: diagnostics)
  }

  private func mainScope() throws -> ModelScope {
    let (top, models) = file.scopes()
    if let wanted = options.model {
      guard let model = models.first(where: { $0.name == wanted || $0.subgraph?.id == wanted }) else {
        let names = models.map(\.name)
        let note =
          names.isEmpty ? "the file has one model without a name" : "the models are \(names.joined(separator: ", "))"
        throw DiagnosticsError([
          Diagnostic(
            .error, "unknown-model", "there is no model '\(wanted)'", file: file.source.path,
            notes: [Diagnostic.Note(note)], fixIt: nearest(wanted, among: names))
        ])
      }
      return model
    }
    if !top.boxes.isEmpty { return top }
    let complete = models.filter { $0.parameterNames.isEmpty }
    guard let first = complete.first else {
      throw DiagnosticsError("no-model", "the file has no model: only blocks, or no boxes", file: file.source.path)
    }
    if complete.count > 1 {
      let names = complete.map { "'\($0.name)'" }.joined(separator: ", ")
      throw DiagnosticsError(
        "several-models", "the file has \(complete.count) models: choose one of \(names) with --model",
        file: file.source.path)
    }
    return first
  }

  /// Reports an error once, however often its block is used.
  mutating func report(_ error: ResolveError, in file: GraphFile) {
    report(error.diagnostic(in: file))
  }

  mutating func report(_ diagnostic: Diagnostic) {
    failureCount += 1
    let isKnown = diagnostics.contains {
      $0.id == diagnostic.id && $0.message == diagnostic.message && $0.location == diagnostic.location
    }
    if !isKnown { diagnostics.append(diagnostic) }
  }
}
