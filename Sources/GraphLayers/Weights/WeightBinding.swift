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
  /// One line about tensors that were matched by their names' words and shapes.
  package var report: String?

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
  var report: String?
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
    let names = archive.entries.map(\.name)
    let place = path == nil ? declared.flatMap { weights in file?.location(weights.file.range) } : nil
    for line in declared?.map ?? [] {
      let key = line.parameter.value
      if parameters.contains(where: { $0.0.name == key || (key.hasSuffix("/") && $0.0.name.hasPrefix(key)) }) {
        continue
      }
      diagnostics.append(
        Diagnostic(
          .error, "unknown-parameter", "'map' names '\(key)', which is no parameter and no path of one",
          at: file?.location(line.parameter.range), fixIt: nearest(key, among: parameters.map(\.0.name))))
    }
    let isForeign = !parameters.contains { archive.entry(map[$0.0.name] ?? $0.0.name) != nil }
    if map.keys.contains(where: { $0.hasSuffix("/") }) || (isForeign && map.isEmpty && !names.isEmpty) {
      report = try matchWeights(parameters, archive, map, source, place, &tensors)
    } else {
      var used: Set<String> = []
      for (parameter, origin) in parameters {
        let name = map[parameter.name] ?? parameter.name
        guard let entry = archive.entry(name) else {
          if name != parameter.name {
            diagnostics.append(
              Diagnostic(
                .error, "missing-weight", "'\(source)' has no tensor '\(name)' for parameter '\(parameter.name)'",
                at: origin.location, fixIt: nearest(name, among: names)))
          }
          continue
        }
        used.insert(name)
        let layouts = name == parameter.name ? [] : fitting(parameter, entry, archive)
        guard let layout = entry.shape == parameter.shape && layouts.count != 1 ? .same : layouts.first else {
          diagnostics.append(
            Diagnostic(
              .error, "weight-shape",
              "'\(name)' in '\(source)' is \(entry.type), parameter '\(parameter.name)' is "
                + "\(TensorType(parameter.dtype, parameter.shape.map { Dim($0) }))", at: origin.location))
          continue
        }
        tensors[parameter.name] = try converted(
          try layout.apply(try archive.tensor(entry), to: parameter.shape), parameter)
      }
      let missing = parameters.map(\.0.name).filter { tensors[$0] == nil }
      for name in names where !used.contains(name) {
        diagnostics.append(
          Diagnostic(
            .error, "unused-weight", "'\(source)' holds '\(name)', which no parameter takes", at: place, file: source,
            fixIt: nearest(name, among: missing)))
      }
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
          .error, "bad-initializer", error.message, at: origin.location,
          notes: error.note.map { [Diagnostic.Note($0)] } ?? []))
    }
  }
  if !diagnostics.isEmpty { throw DiagnosticsError(diagnostics) }
  var bound = BoundWeights(tensors: tensors, initialized: initialized)
  bound.report = report
  return bound
}

/// A parameter's path in the file's words where a line of the map gives a path it lies in (`encoder/:
/// bert.encoder.layer`), the longest first.
private func renamed(_ path: String, _ map: [String: String]) -> String {
  let prefixes = map.keys.filter { $0.hasSuffix("/") && path.hasPrefix($0) }
  guard let prefix = prefixes.max(by: { $0.utf8.count < $1.utf8.count }), let start = map[prefix] else { return path }
  return "\(start)/\(path.dropFirst(prefix.count))"
}

/// The layouts of a tensor that the map names.
private func fitting(_ parameter: Parameter, _ entry: TensorArchive.Entry, _ archive: TensorArchive) -> [WeightLayout] {
  let leaf = entry.name.split(whereSeparator: { $0 == "." || $0 == "/" }).last ?? ""
  return WeightLayout.fitting(
    parameter,
    StoredWeight(
      sources: [entry.name], module: "", role: .kernel, shape: entry.shape, isInputsFirst: leaf != "weight",
      read: { try archive.tensor(entry) }))
}

/// Matches the tensors of a file in another library's words, and says how in one line. All that is missing or
/// ambiguous is an error.
private func matchWeights(
  _ parameters: [(Parameter, Origin)], _ archive: TensorArchive, _ map: [String: String], _ source: String,
  _ place: SourceLocation?, _ tensors: inout [String: Tensor]
) throws -> String {
  let matching = WeightMatching(parameters.map(\.0), StoredWeight.all(archive)) { map[$0] ?? renamed($0, map) }
  let origins = Dictionary(parameters.map { ($0.0.name, $0.1) }, uniquingKeysWith: { first, _ in first })
  let diagnostics = matching.unmatched.map { parameter, candidates in
    let type = TensorType(parameter.dtype, parameter.shape.map { Dim($0) })
    let message =
      candidates.count > 1
      ? "parameter '\(parameter.name)' (\(type)) could be any of "
        + "\(candidates.prefix(6).map { "'\($0)'" }.joined(separator: ", ")) in '\(source)'"
      : "'\(source)' has no tensor for parameter '\(parameter.name)' (\(type))"
    return Diagnostic(
      .error, candidates.count > 1 ? "ambiguous-weight" : "missing-weight", message,
      at: origins[parameter.name]?.location ?? place,
      notes: [
        Diagnostic.Note(
          "say which under `weights: {file: …, map: {\(parameter.name): name}}`; "
            + "a path that ends in / maps all below it"
        )
      ])
  }
  if !diagnostics.isEmpty { throw DiagnosticsError(diagnostics) }
  var turned = 0
  for (parameter, _) in parameters {
    guard let match = matching.matches[parameter.name] else { continue }
    if match.layout != .same || match.weight.sources.count > 1 { turned += 1 }
    tensors[parameter.name] = try converted(
      try match.layout.apply(try match.weight.read(), to: parameter.shape), parameter)
  }
  let unused = matching.unused
  let more = unused.count > 3 ? " …" : ""
  return "\(matching.matches.count) parameters matched with the tensors of '\(source)' by names and shapes, "
    + "\(turned) rearranged"
    + (unused.isEmpty ? "" : "; \(unused.count) not used: \(unused.prefix(3).joined(separator: ", "))\(more)")
}

/// A path as a file names it: relative to that file's folder.
package func relative(_ path: String, to file: String) -> String {
  guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
  return String(file[...slash]) + path
}

/// A stored tensor in the parameter's element type, where that loses nothing a person would miss: floats to floats.
private func converted(_ tensor: Tensor, _ parameter: Parameter) throws -> Tensor {
  if tensor.dtype == parameter.dtype { return tensor }
  guard tensor.dtype.isFloat, parameter.dtype.isFloat,
    let new = Tensor(parameter.dtype, parameter.shape, doubles: tensor.doubles())
  else {
    throw DiagnosticsError(
      "weight-type", "parameter '\(parameter.name)' is \(parameter.dtype), the file holds \(tensor.dtype)")
  }
  return new
}
