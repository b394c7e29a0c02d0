// SPDX-License-Identifier: Apache-2.0
// A model's parameters from its weights file, and what is missing from their initialisers.

import GraphIR
import GraphLanguage
import GraphSupport
import TensorCore
import TensorFiles

/// Where a model's parameters came from.
package struct BoundWeights: Sendable {
  package var tensors: [String: Tensor]
  /// Parameters that no file gave, in order.
  package var initialized: [String]

  package init(tensors: [String: Tensor], initialized: [String]) {
    self.tensors = tensors
    self.initialized = initialized
  }
}

/// Loads the tensors of a graph's parameters. `path` takes the place of the front matter's `weights:`.
///
/// Every name or shape that does not match is reported in one go, with the near matches.
package func bindWeights(_ graph: Graph, _ file: GraphFile?, path: String?, seed: Int?) throws -> BoundWeights {
  let parameters = graph.nodes.compactMap { node in (node.operation as? Parameter).map { ($0, node.origin) } }
  var diagnostics: [Diagnostic] = []
  var tensors: [String: Tensor] = [:]
  let declared = file?.frontMatter.weights
  if let source = path ?? declared.map({ relative($0.file.value, to: file?.source.path ?? "") }) {
    let archive: TensorArchive
    do throws(DiagnosticsError) {
      archive = try TensorArchive(source)
    } catch {
      // The place that names the file is where to look.
      guard path == nil, let declared, let file else { throw error }
      throw DiagnosticsError(
        error.diagnostics.map { diagnostic in
          var located = diagnostic
          if located.location == nil { located.location = file.location(declared.file.range) }
          return located
        })
    }
    let map = Dictionary(
      (declared?.map ?? []).map { ($0.parameter.value, $0.tensor.value) }, uniquingKeysWith: { first, _ in first })
    var used: Set<String> = []
    let names = archive.entries.map(\.name)
    for (parameter, origin) in parameters {
      let name = map[parameter.name] ?? parameter.name
      guard let entry = archive.entry(name) else {
        if map[parameter.name] != nil {
          diagnostics.append(
            Diagnostic(
              .error, "missing-weight", "'\(source)' has no tensor '\(name)' for parameter '\(parameter.name)'",
              at: origin.location, fixIt: nearest(name, among: names)))
        }
        continue
      }
      used.insert(name)
      guard entry.shape == parameter.shape else {
        diagnostics.append(
          Diagnostic(
            .error, "weight-shape",
            "'\(name)' in '\(source)' is \(entry.type), parameter '\(parameter.name)' is "
              + "\(TensorType(parameter.dtype, parameter.shape.map { Dim($0) }))", at: origin.location))
        continue
      }
      let tensor = try archive.tensor(entry)
      tensors[parameter.name] = tensor.dtype == parameter.dtype ? tensor : try converted(tensor, parameter)
    }
    let missing = parameters.map(\.0.name).filter { tensors[$0] == nil }
    for name in names where !used.contains(name) {
      diagnostics.append(
        Diagnostic(
          .error, "unused-weight", "'\(source)' holds '\(name)', which no parameter takes",
          at: path == nil ? declared.flatMap { weights in file?.location(weights.file.range) } : nil, file: source,
          fixIt: nearest(name, among: missing)))
    }
  }
  if !diagnostics.isEmpty { throw DiagnosticsError(diagnostics) }
  var initialized: [String] = []
  for (parameter, origin) in parameters where tensors[parameter.name] == nil {
    do throws(TypeError) {
      tensors[parameter.name] = try Initializer.tensor(parameter, seed: seed ?? file?.frontMatter.seed?.value ?? 0)
      initialized.append(parameter.name)
    } catch {
      diagnostics.append(
        Diagnostic(
          .error, "bad-initializer", error.message, at: origin.location, notes: error.note.map { [Diagnostic.Note($0)] } ?? []))
    }
  }
  if !diagnostics.isEmpty { throw DiagnosticsError(diagnostics) }
  return BoundWeights(tensors: tensors, initialized: initialized)
}

/// A path as a file names it: relative to that file's folder.
package func relative(_ path: String, to file: String) -> String {
  guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
  return String(file[...slash]) + path
}

/// A stored tensor in the parameter's element type, where that loses nothing a person would miss: floats to floats.
private func converted(_ tensor: Tensor, _ parameter: Parameter) throws -> Tensor {
  guard tensor.dtype.isFloat, parameter.dtype.isFloat, let new = Tensor(parameter.dtype, parameter.shape, doubles: tensor.doubles())
  else {
    throw DiagnosticsError(
      "weight-type", "parameter '\(parameter.name)' is \(parameter.dtype), the file holds \(tensor.dtype)")
  }
  return new
}
