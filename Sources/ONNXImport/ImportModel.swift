// SPDX-License-Identifier: Apache-2.0
// ONNX files as graphs.

import GraphIR
import GraphOps
import GraphSupport
import TensorCore

/// Reads an ONNX file as a graph. Everything that is wrong or unsupported is thrown in one go.
package func importModel(_ path: String, _ options: ImportOptions = ImportOptions()) throws -> ImportedModel {
  let file = try timed("read") { try ONNXFile(path) }
  var bound: Set<String> = []
  var assumesInside = false
  var isSpecialised = false
  var findsSizes = false
  while true {
    let session = ImportSession(
      file, options, bound: bound, assumesInside: assumesInside, isSpecialised: isSpecialised, findsSizes: findsSizes)
    var importer = GraphImporter(session, name: file.model.graph?.name ?? "")
    let graph = timed("translate") { importer.importMain() }
    if !session.failed {
      return ImportedModel(
        graph: graph, parameters: importer.parameters, nodes: importer.nodes, warnings: session.warnings,
        boundInputs: bound.union(options.constants.keys))
    }
    // Each attempt knows more than the one before: values of the run that decide shapes, then that slices lie inside
    // their axes, then the sizes of the run instead of names. Last come sizes that are found while the model runs.
    let more = session.neededInputs.filter { !bound.contains($0) && options.run?.isGiven($0, false) == true }
    if !more.isEmpty {
      bound.formUnion(more)
    } else if session.hasUnsupported {
      throw DiagnosticsError(session.findings(graph.symbols.map(\.name)))
    } else if !assumesInside && !graph.symbols.isEmpty {
      assumesInside = true
    } else if options.run != nil && !isSpecialised {
      (assumesInside, isSpecialised) = (false, true)
    } else if !findsSizes {
      findsSizes = true
    } else {
      throw DiagnosticsError(session.findings(graph.symbols.map(\.name)))
    }
  }
}

extension GraphImporter {
  /// Builds the file's main graph.
  mutating func importMain() -> Graph {
    guard let proto = session.file.model.graph else { return builder.graph }
    scopes = [Scope(opsets: opsetVersions(session.file.model.opsetImport))]
    let outputs = proto.output.map(\.name)
    defineInputs(proto)
    known.ranges = builder.graph.ranges
    defineInitializers(proto)
    translate(proto.node, for: outputs)
    var seen: Set<String> = []
    for name in outputs {
      guard seen.insert(name).inserted else {
        session.report("duplicate-name", "the output '\(name)' is there twice")
        continue
      }
      switch lookup(name) {
      case .value(let id): builder.output(name, id)
      case .failed: continue
      case nil: session.report("undefined-name", "nothing makes the output '\(name)'")
      }
    }
    if outputs.isEmpty { session.report("no-output", "the model has no outputs") }
    return builder.graph
  }
}
