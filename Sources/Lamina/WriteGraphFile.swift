// SPDX-License-Identifier: Apache-2.0
// Writes an imported model as a `.graph` file and its weights.

import GraphIR
import GraphLanguage
import GraphLayers
import GraphOptimizer
import GraphSupport
import TensorCore
import TensorFiles

/// What was written.
package struct WrittenGraph: Sendable {
  package var path: String
  /// Nil for a model without weights.
  package var weightsPath: String?
  package var boxCount: Int
  package var blockCount: Int
}

/// Writes a model as `path`, which ends in `.graph`, and `.safetensors` beside it. The files mean what the model means,
/// to the bit: they are read back to see.
package func writeGraphFile(_ source: ModelSource, to path: String) throws -> WrittenGraph {
  let stem = path.hasSuffix(".graph") ? String(path.dropLast(6)) : path
  let weightsPath = "\(stem).safetensors"
  let (named, boxes, contents) = try boxed(source)
  let file = GraphFileText(
    contents, of: named, weightsFile: weightsPath.split(separator: "/").last.map(String.init) ?? weightsPath)
  if !file.tensors.isEmpty { try writeTensors(file.tensors, to: weightsPath) }
  try AtomicFile.write(file.text, to: path)
  try check(path, against: named, outputs: boxes.outputIDs)
  return WrittenGraph(
    path: path, weightsPath: file.tensors.isEmpty ? nil : weightsPath, boxCount: contents.boxes.count,
    blockCount: contents.blocks.count)
}

/// A model that is no text as the file it would be written as, to draw it.
package func graphFile(_ source: ModelSource) throws -> GraphFile {
  if let file = source.file { return file }
  let (named, _, contents) = try boxed(source)
  let text = GraphFileText(contents, of: named, weightsFile: "weights.safetensors").text
  let (file, findings) = parseGraphFile(path: source.path, bytes: Array(text.utf8))
  guard let file, !findings.contains(where: { $0.severity == .error }) else {
    throw InternalError("the model's text is refused: \(findings.first?.message ?? "")")
  }
  return file
}

/// A model's graph with plain names for its sizes, and its boxes.
private func boxed(_ source: ModelSource) throws -> (graph: Graph, boxes: GraphBoxes, contents: RepeatedBlocks) {
  let graph = try GraphPass.rebuild(source.resolved.graph.withPlainSizeNames) { _, _, _, _ in nil }
  let boxes = try GraphBoxes(graph, tensors: source.weights.tensors)
  return (graph, boxes, RepeatedBlocks(boxes, symbols: graph.symbols.map(\.name)))
}

/// Reads a written file back: what does not read is a fault of the writer.
private func check(_ path: String, against graph: Graph, outputs: [String]) throws {
  let read: ModelSource
  do {
    read = try ModelSource.load(path)
  } catch let error as DiagnosticsError {
    throw InternalError("the written file is refused: \(error.diagnostics.first?.message ?? "")", reproducer: path)
  }
  let found = Dictionary(
    read.graph.outputs.map { ($0.name, read.graph.type($0.value)) }, uniquingKeysWith: { first, _ in first })
  // Sizes that only a run tells may have other names there.
  let plain = Dictionary(uniqueKeysWithValues: graph.runtimeSizes.map { ($0, Dim(symbol: "_")) })
  let plainThere = Dictionary(uniqueKeysWithValues: read.graph.runtimeSizes.map { ($0, Dim(symbol: "_")) })
  for (id, output) in zip(outputs, graph.outputs)
  where found[id]?.substituting(plainThere) != graph.type(output.value).substituting(plain) {
    throw InternalError(
      "output '\(id)' of the written file is \(found[id].map(\.description) ?? "missing"), expected "
        + "\(graph.type(output.value))",
      reproducer: path)
  }
}

extension Graph {
  /// The names of sizes that are found while the model runs.
  var runtimeSizes: Set<String> { Set(symbols.filter { $0.bound != nil }.map(\.name)) }

  /// This graph with names for sizes that a `.graph` file can hold.
  fileprivate var withPlainSizeNames: Graph {
    var names = BoxNames()
    var renamed: [String: Dim] = [:]
    for symbol in symbols {
      let plain = names.unique(BoxNames.identifier(symbol.name))
      if plain != symbol.name { renamed[symbol.name] = Dim(symbol: plain) }
    }
    if renamed.isEmpty { return self }
    var graph = substituting(renamed)
    graph.symbols = symbols.map { symbol in
      Symbol(
        renamed[symbol.name]?.symbols.first ?? symbol.name, symbol.range, bound: symbol.bound?.substituting(renamed))
    }
    return graph
  }
}
