// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes: no hang, no crash, every error inside of the file, and what is read without errors stays so.

import GraphLanguage
import GraphSupport
import Testing

@Suite struct RobustnessTests {
  @Test func mutatedFiles() throws {
    let seeds =
      try (MermaidCase.load("accept") + MermaidCase.load("reject")).map { Array($0.text.utf8) } + [Array(whole.utf8)]
    let parts = [
      "-->", "--", "==", "-.", "~~~", "|", "[", "]", "(", ")", "{", "}", "\"", "`", "'", ";", "\n", " ", "&", ":::",
      "@{",
      "%%", "%%{", "end", "subgraph ", "style ", "click ", "direction TB", "<br/>", "#quot;", "数据", "\u{0}", "\r",
      "---\n",
      "f(", "1x", "**", "😀", "\u{FEFF}", "accDescr {",
    ].map { Array($0.utf8) }
    var state: UInt64 = 42
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(truncatingIfNeeded: state >> 33) % max(bound, 1)
    }
    for _ in 0..<4000 {
      var bytes = seeds[random(10) == 0 ? seeds.count - 1 : random(seeds.count)]
      for _ in 0..<random(6) + 1 {
        let place = random(bytes.count + 1)
        switch random(5) {
        case 0: bytes.insert(contentsOf: parts[random(parts.count)], at: place)
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + random(8)))
        case 2: if place < bytes.count { bytes[place] = UInt8(random(256)) }
        case 3: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + random(20))], at: random(place + 1))
        default: bytes.replaceSubrange(place..<min(bytes.count, place + 1), with: parts[random(parts.count)])
        }
      }
      check(bytes)
    }
  }

  private func check(_ bytes: [UInt8]) {
    let (file, diagnostics) = parseGraphFile(path: "m.graph", bytes: bytes)
    #expect(diagnostics.count <= 110)
    for diagnostic in diagnostics {
      guard let range = diagnostic.location?.range else { continue }
      #expect(range.start >= 0 && range.end <= bytes.count, "\(diagnostic.message) in \(bytes)")
    }
    #expect(!DiagnosticRenderer().render(diagnostics).contains("\u{1B}"))
    if diagnostics.isEmpty, let file {
      let once = file.formatted
      let (again, errors) = parseGraph(once)
      #expect(errors.isEmpty && again?.formatted == once, "\(String(decoding: bytes, as: UTF8.self)) -> \(once)")
    }
  }

  @Test(arguments: [
    "[", "(", "{", "[[", "((", "\"", "-- ", "== ", "-. ", "@{", "subgraph a\n", "A & ", "A-->", "|", "%%{",
    "direction TB ",
    "accDescr {", "<a ", "click A ", "#", "`", ":::", "x@", "A[\"", "style ", "\n", " ", ";",
  ])
  func longRunsTakeNoTime(_ part: String) {
    let started = ContinuousClock.now
    for prefix in ["graph TD\n", "graph TD\nA[\"", "graph TD\nA@{", "graph TD\nA-- ", ""] {
      check(Array((prefix + String(repeating: part, count: 20_000)).utf8))
    }
    #expect(ContinuousClock.now - started < .seconds(60))
  }

  @Test func everyErrorOfAFileIsFound() throws {
    let text = """
      ---
      titel: x
      ---
      graph TD
        A[one] --> class
        B[two (2)] --> C
        C --> D[
        subgraph s
          E --> end
          F --> G
        end
        G[fine] -> H
        linkStyle 99 stroke:red
        I@{ shape: cirlce }
      """
    let (file, diagnostics) = parseGraph(text, path: "t.graph")
    #expect(
      diagnostics.map { "\($0.location?.description ?? "") \($0.fixIt ?? "")" } == [
        "t.graph:2:1 title", "t.graph:5:14 Class", "t.graph:6:9 ", "t.graph:7:10 ", "t.graph:9:11 End",
        "t.graph:12:11 ", "t.graph:13:13 ", "t.graph:14:14 circle",
      ])
    #expect(file?.diagram.edges.map(\.to.id) == ["G"])
    #expect(file?.diagram.subgraphs.map(\.id) == ["s"])
  }

  @Test func subgraphsMayNotNestWithoutEnd() {
    let deep = String(repeating: "subgraph a\n", count: 200) + String(repeating: "end\n", count: 200)
    #expect(parseGraph("graph TD\n" + deep).1.contains { $0.id == "nesting-limit" })
  }

  private let whole = """
    ---
    title: 数据
    dims: {N: 1..64}
    ops:
      a: Dense(10)
    ---
    %%{init: {"theme": "dark"}}%%
    flowchart LR
      subgraph block["block(width, heads)"]
        direction TB
        x["Input(N, T, width)"] --> norm1["title<br/>LayerNormalization"]
        x & norm1 -->|a:b| sum1["Add"]
      end
      a & b@{ shape: doc, label: "x" } -- text --> c{choice}:::big
      %% comment
      e1@==> d
      classDef big fill:#fff
      click a "https://x" _blank
    """
}
