// SPDX-License-Identifier: Apache-2.0
// A model from a file: read, resolved, its parameters bound.

import GraphIR
import GraphLanguage
import GraphLayers
import GraphOptimizer
import GraphSupport
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

  /// Reads a model and everything it names. Throws every error in one go.
  package static func load(
    _ path: String, weights: String? = nil, seed: Int? = nil, options: ResolveOptions = ResolveOptions()
  ) throws -> ModelSource {
    let (file, findings) = loadGraphFile(path)
    let errors = findings.filter { $0.severity == .error }
    guard let file, errors.isEmpty else { throw DiagnosticsError(findings) }
    var resolved = try resolveModel(file, options)
    resolved.warnings = findings + resolved.warnings
    let bound = try bindWeights(resolved.graph, file, path: weights, seed: seed)
    return ModelSource(
      path: path, file: file, resolved: resolved, weights: bound, graph: try resolved.graph.binding(bound.tensors))
  }
}
