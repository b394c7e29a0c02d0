// SPDX-License-Identifier: Apache-2.0
// A model from a file: read, resolved, its parameters bound.

import GraphIR
import GraphLanguage
import GraphLayers
import GraphOptimizer
import GraphSupport
import ONNXImport
import TensorCore

/// A model ready to be interpreted or compiled.
package struct ModelSource: Sendable {
  package var path: String
  /// Nil for models that are no `.graph` text.
  package var file: GraphFile?
  package var resolved: ResolvedModel
  package var weights: BoundWeights
  /// The graph with its parameters bound.
  package var graph: Graph
  /// Sizes that code of their own is made for.
  package var fast: [String: [Int]] = [:]
  /// What its products multiply, as its file says.
  package var precision = Precision.f32
  /// Whether its convolutions may be computed by fewer multiplications, as its file says.
  package var winograd = WinogradLimit.off

  /// Inputs of the file that are constants of the graph: their values decide sizes.
  package var boundInputs: Set<String> = []

  /// Whether a path names an ONNX model.
  package static func isONNX(_ path: String) -> Bool { path.lowercased().hasSuffix(".onnx") }

  /// Reads a model and everything it names. Throws every error in one go.
  ///
  /// - Parameters:
  ///   - fast: Sizes to make code of their own for, in place of the file's.
  ///   - constants: For ONNX models, the values of inputs that are constants from now on.
  ///   - run: For ONNX models, the inputs of the one run that the model is read for.
  package static func load(
    _ path: String, weights: String? = nil, seed: Int? = nil, options: ResolveOptions = ResolveOptions(),
    fast: [String: [Int]] = [:], constants: [String: String] = [:], run: RunInputs? = nil
  ) throws -> ModelSource {
    var source = try read(path, weights: weights, seed: seed, options: options, constants: constants, run: run)
    source.fast = try fastSizes(source.file, fast, source.graph)
    return source
  }

  private static func read(
    _ path: String, weights: String?, seed: Int?, options: ResolveOptions, constants: [String: String], run: RunInputs?
  ) throws -> ModelSource {
    if isONNX(path) {
      if weights != nil || options.model != nil {
        throw DiagnosticsError("onnx-options", "an ONNX file holds one model with its weights", file: path)
      }
      return try loadONNX(path, ImportOptions(dims: options.dims, constants: constants, run: run))
    }
    if !constants.isEmpty { throw DiagnosticsError("constant-input", "only inputs of ONNX models become constants", file: path) }
    let (file, findings) = timed("read") { loadGraphFile(path) }
    let errors = findings.filter { $0.severity == .error }
    guard let file, errors.isEmpty else { throw DiagnosticsError(findings) }
    let precision = try choice(file.frontMatter.precision, "precision", Precision.f32, file)
    let winograd = try choice(file.frontMatter.winograd, "winograd", WinogradLimit.off, file)
    var resolved = try timed("resolve") { try resolveModel(file, options) }
    resolved.warnings = findings + resolved.warnings
    let bound = try timed("read weights") { try bindWeights(resolved.graph, file, path: weights, seed: seed) }
    if let report = bound.report { resolved.warnings.append(Diagnostic(.note, "weights-matched", report)) }
    return ModelSource(
      path: path, file: file, resolved: resolved, weights: bound,
      graph: try timed("bind weights") { try resolved.graph.binding(bound.tensors) },
      precision: precision, winograd: winograd)
  }

  /// One of some words in the front matter.
  private static func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ named: Located<String>?, _ key: String, _ standard: Choice, _ file: GraphFile
  ) throws -> Choice {
    guard let named else { return standard }
    if let known = Choice(rawValue: named.value) { return known }
    let names = Choice.allCases.map(\.rawValue)
    throw DiagnosticsError([
      Diagnostic(
        .error, "unknown-\(key)", "unknown \(key) '\(named.value)', expected \(names.joined(separator: " or "))",
        at: file.location(named.range), fixIt: nearest(named.value, among: names))
    ])
  }

  private static func loadONNX(_ path: String, _ options: ImportOptions) throws -> ModelSource {
    let imported = try timed("import") { try importModel(path, options) }
    let boxes = imported.nodes.map { node in
      ResolvedBox(
        path: node.name, title: "", operation: node.operation, location: nil,
        outputs: node.results.map { LayerOutput(imported.graph[$0].name ?? "", $0) }, nodes: node.nodes,
        depth: 0)
    }
    return ModelSource(
      path: path, file: nil,
      resolved: ResolvedModel(graph: imported.graph, boxes: boxes, warnings: imported.warnings),
      weights: BoundWeights(tensors: imported.parameters, initialized: []),
      graph: try timed("bind weights") { try imported.graph.binding(imported.parameters) }, boundInputs: imported.boundInputs)
  }
}
