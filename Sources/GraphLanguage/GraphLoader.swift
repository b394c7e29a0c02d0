// SPDX-License-Identifier: Apache-2.0
// Loads a `.graph` file from disk together with the files it includes.

import GraphSupport

/// Reads a file and, through `include:`, the files whose subgraphs it uses. Includes are found beside the file that
/// names them; one that includes itself in a round is an error that shows the round. A file that cannot be read leaves
/// nil, or is left out of `includes`.
package func loadGraphFile(_ path: String) -> (GraphFile?, [Diagnostic]) {
  var loader = GraphLoader()
  let file = loader.load(path, from: nil)
  return (file, loader.diagnostics)
}

/// Reads each file once.
private struct GraphLoader {
  /// A longer chain of includes is taken for a mistake.
  private static let chainLimit = 64

  var diagnostics: [Diagnostic] = []
  private var loaded: [String: GraphFile] = [:]
  /// The files being read, outermost first.
  private var chain: [String] = []

  /// `origin` is where the file is named.
  mutating func load(_ path: String, from origin: SourceLocation?) -> GraphFile? {
    let path = normalized(path)
    if let file = loaded[path] { return file }
    if let first = chain.firstIndex(of: path) {
      let round = (chain[first...] + [path]).map { "'\($0)'" }.joined(separator: " → ")
      diagnostics.append(Diagnostic(.error, "include-cycle", "the files include one another: \(round)", at: origin))
      return nil
    }
    guard chain.count < GraphLoader.chainLimit else {
      diagnostics.append(
        Diagnostic(.error, "include-depth", "more than \(GraphLoader.chainLimit) files include one another", at: origin)
      )
      return nil
    }
    chain.append(path)
    defer { chain.removeLast() }
    do throws(DiagnosticsError) {
      let bytes = try readFile(path, limit: GraphReader.sizeLimit)
      let (file, found) = parseGraphFile(path: path, bytes: bytes)
      diagnostics += found
      guard var file else { return nil }
      let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
      for include in file.frontMatter.includes {
        let place = include.value.hasPrefix("/") ? include.value : folder + include.value
        if let included = load(place, from: file.location(include.range)) { file.includes.append(included) }
      }
      loaded[path] = file
      return file
    } catch {
      diagnostics += error.diagnostics.map { diagnostic in
        var located = diagnostic
        located.location = located.location ?? origin
        return located
      }
      return nil
    }
  }

  /// Without `.` and, where a folder is named before it, `..`.
  private func normalized(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." { parts.removeLast() } else { parts.append(part) }
    }
    return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
  }
}
