// SPDX-License-Identifier: Apache-2.0
// Files that use the subgraphs of other files.

import Foundation
import GraphLanguage
import GraphSupport
import Testing

@Suite struct IncludeTests {
  @Test func subgraphsOfIncludedFilesAreFound() throws {
    try inFolder([
      "main.graph": "---\ninclude: [parts/a.graph]\n---\ngraph TD\nx[\"block(1)\"]",
      "parts/a.graph": "---\ninclude: ../b.graph\n---\ngraph TD\nsubgraph one[\"block(n)\"]\na\nend",
      "b.graph": "graph TD\nsubgraph two\nb\nend",
    ]) { folder in
      let (file, diagnostics) = loadGraphFile("\(folder)/main.graph")
      #expect(diagnostics.isEmpty)
      #expect(file?.subgraph(named: "block")?.subgraph.id == "one")
      #expect(file?.subgraph(named: "two")?.file.source.path == "\(folder)/b.graph")
      #expect(file?.subgraphNames == ["block", "two"])
    }
  }

  @Test func roundsAndMissingFilesAreErrorsWhereTheyAreNamed() throws {
    try inFolder([
      "a.graph": "---\ninclude: b.graph\n---\ngraph TD\nA",
      "b.graph": "---\ninclude:\n  - nowhere.graph\n  - ./a.graph\n---\ngraph TD\nB",
    ]) { folder in
      let (file, diagnostics) = loadGraphFile("\(folder)/a.graph")
      #expect(file != nil)
      #expect(diagnostics.map { $0.location?.description } == ["\(folder)/b.graph:3:5", "\(folder)/b.graph:4:5"])
      #expect(diagnostics.first?.message.hasSuffix("no such file or directory") == true)
      #expect(diagnostics.last?.id == "include-cycle")
      #expect(diagnostics.last?.message.contains("'\(folder)/a.graph' → '\(folder)/b.graph' → ") == true)
    }
  }

  private func inFolder(_ files: [String: String], _ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in files {
      let path = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: path, atomically: true, encoding: .utf8)
    }
    try body(folder.path)
  }
}
