// SPDX-License-Identifier: Apache-2.0
// The way in: bytes or text to a `GraphFile`, with everything that is wrong.

import GraphSupport

/// Reads a `.graph` file's bytes. The file is nil only when nothing could be read; with errors in `diagnostics` it
/// holds what could be. `path` is for messages. Nothing is loaded from disk: see `loadGraphFile`.
package func parseGraphFile(path: String, bytes: [UInt8]) -> (GraphFile?, [Diagnostic]) {
  let source = SourceText(path: path, bytes: bytes)
  guard bytes.count <= GraphReader.sizeLimit else {
    let message = "the file has \(bytes.count) bytes, at most \(GraphReader.sizeLimit) are read"
    return (nil, [Diagnostic(.error, "file-size", message, file: path)])
  }
  let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
  guard let text = MappedText(utf8: source, from: hasMark ? 3 : 0) else {
    let offset = GraphReader.firstInvalidByte(bytes)
    let location = SourceLocation(source, SourceRange(offset, min(offset + 1, bytes.count)))
    return (nil, [Diagnostic(.error, "encoding", "the file is not UTF-8 text", at: location)])
  }
  return GraphReader.read(text, source: source)
}

/// Reads a `.graph` text that is already in memory.
package func parseGraph(_ text: String, path: String = "<text>") -> (GraphFile?, [Diagnostic]) {
  parseGraphFile(path: path, bytes: Array(text.utf8))
}

enum GraphReader {
  /// Far above any diagram; places are kept as 32-bit offsets.
  static let sizeLimit = 64 << 20

  static func read(_ text: MappedText, source: SourceText) -> (GraphFile?, [Diagnostic]) {
    let clean = CleanText(text)
    var reader = FrontMatterReader(source: source)
    if let frontMatter = clean.frontMatter { reader.read(frontMatter) }
    var parser = FlowParser(clean, source: source)
    let syntax = parser.parse()
    let builder = DiagramBuilder(syntax, source: source)
    let file = GraphFile(source: source, frontMatter: reader.result, diagram: builder.diagram, syntax: syntax)
    var diagnostics = reader.diagnostics + parser.diagnostics + builder.diagnostics
    // A box may be missing only because its statement could not be read.
    if parser.diagnostics.isEmpty { diagnostics += unboundBindings(file) }
    diagnostics.sort { ($0.location?.range.start ?? 0) < ($1.location?.range.start ?? 0) }
    return (file, diagnostics)
  }

  /// Bindings whose box is not in the diagram.
  private static func unboundBindings(_ file: GraphFile) -> [Diagnostic] {
    let ids = Set(file.diagram.boxes.map(\.id))
    return (file.frontMatter.stages + file.frontMatter.operations).compactMap { binding in
      if ids.contains(binding.box) { return nil }
      return Diagnostic(
        .error, "unknown-box", "there is no box '\(binding.box)' in the diagram", at: file.location(binding.boxRange),
        fixIt: nearest(binding.box, among: file.diagram.boxes.lazy.map(\.id)))
    }
  }

  /// Where the text stops being UTF-8.
  static func firstInvalidByte(_ bytes: [UInt8]) -> Int {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = 0
    while case .scalarValue(let scalar) = decoder.decode(&iterator) { offset += UTF8.width(scalar) }
    return min(offset, max(0, bytes.count - 1))
  }
}
