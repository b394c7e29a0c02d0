// SPDX-License-Identifier: Apache-2.0
// How diagnostics look to people and to programs.

import GraphSupport
import Testing

@Suite struct DiagnosticRendererTests {
  private func location(_ text: String, _ part: String) throws -> GraphSupport.SourceLocation {
    let range = try #require(text.firstRange(of: part))
    let start = text.utf8.distance(from: text.startIndex, to: range.lowerBound)
    return GraphSupport.SourceLocation(SourceText(path: "a.graph", text), SourceRange(start, start + part.utf8.count))
  }

  @Test func caretsStandUnderWideCharactersAndTabs() throws {
    let place = try location("graph TD\n\t数据[\"Dens(64)\"]\n", "Dens")
    let text = DiagnosticRenderer().render(
      Diagnostic(.error, "unknown-layer", "unknown layer 'Dens'", at: place, notes: [.init("a note")], fixIt: "Dense"))
    #expect(
      text == """
        a.graph:2:6: error: unknown layer 'Dens' [unknown-layer]
                数据["Dens(64)"]
                      ^~~~
            did you mean 'Dense'?
            note: a note

        """)
  }

  @Test func aRangeOverLinesIsMarkedOnItsFirst() throws {
    let place = try location("ab[cd\nef]", "cd\nef")
    #expect(DiagnosticRenderer().render(Diagnostic(.warning, "x", "m", at: place)).hasSuffix("    ab[cd\n       ^~\n"))
  }

  @Test func longLinesAreCutAroundTheCaret() throws {
    let line = String(repeating: "a", count: 500) + "HERE" + String(repeating: "b", count: 500)
    let text = DiagnosticRenderer().render(Diagnostic(.error, "x", "m", at: try location(line, "HERE")))
    let lines = text.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count < 130 })
    let caret = try #require(lines[2].firstIndex(of: "^"))
    let column = lines[2].distance(from: lines[2].startIndex, to: caret)
    #expect(lines[1].dropFirst(column).hasPrefix("HERE"))
  }

  @Test func filesCannotSteerTheTerminal() throws {
    let place = try location("a\u{1B}[31mred", "red")
    let text = DiagnosticRenderer().render(Diagnostic(.error, "x", "found '\u{1B}[2J'", at: place))
    #expect(!text.contains("\u{1B}"))
    #expect(DiagnosticRenderer(color: true).render(Diagnostic(.error, "x", "m", at: place)).contains("\u{1B}[1;31m"))
  }

  @Test func json() throws {
    let place = try location("数\"据", "\"据")
    let text = [Diagnostic(.error, "x", "a \"b\"\n\u{1}", at: place, file: nil, fixIt: "c\\")].json
    #expect(
      text == """
        [
          {"severity": "error", "id": "x", "message": "a \\"b\\"\\n\\u0001", "file": "a.graph", "line": 1, "column": 2, \
        "endLine": 1, "endColumn": 4, "fixIt": "c\\\\"}
        ]
        """)
    #expect([Diagnostic]().json == "[]")
  }

  @Test func nearestNames() {
    let layers = ["Dense", "Conv1D", "Conv2D", "DepthwiseConv2D", "Dropout", "relu"]
    #expect(nearest("Dens", among: layers) == "Dense")
    #expect(nearest("dense", among: layers) == "Dense")
    #expect(nearest("Cnov2D", among: layers) == "Conv2D")
    #expect(nearest("RELU", among: layers) == "relu")
    #expect(nearest("Attention", among: layers) == nil)
    #expect(nearest("", among: layers) == nil)
    #expect(nearest("编码气", among: ["编码器", "解码器"]) == "编码器")
  }

  @Test func filesOverTheLimitAreRefused() throws {
    #expect(try readFile(#filePath).starts(with: "// SPDX".utf8))
    #expect(throws: DiagnosticsError.self) { try readFile(#filePath, limit: 100) }
    #expect(throws: DiagnosticsError.self) { try readFile("/nowhere") }
    #expect(throws: DiagnosticsError.self) { try readFile("/") }
  }
}
