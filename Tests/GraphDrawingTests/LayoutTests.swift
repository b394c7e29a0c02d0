// SPDX-License-Identifier: Apache-2.0
// Pictures: nothing overlaps, whatever the diagram.

import GraphDrawing
import GraphLanguage
import Testing

@Suite struct LayoutTests {
  @Test(arguments: ["TD", "BT", "LR", "RL"]) func nothingOverlaps(_ direction: String) throws {
    var random = SystemlessRandom(state: 7)
    for round in 0..<40 {
      let text = randomDiagram(direction, &random)
      let file = try #require(parseGraph(text).0)
      let problems = DrawingLayout(Drawing(file)).overlaps(Drawing(file))
      #expect(problems.isEmpty, "round \(round): \(problems)\n\(text)")
    }
  }

  @Test func picturesAreWellFormed() throws {
    let text = """
      ---
      title: a <b> & "c" 数据
      ---
      graph LR
      a["x < y & z"] -->|"<i>"| b{{hex}} --o c((round)) x--x d[(base)]
      b <-.-> e>flag] ==> f[/lean/] --> f
      subgraph g [a group]
        h & i --> j
      end
      g --> a
      j ~~~ b
      style a fill:#f9f,stroke:evil/x
      """
    let svg = Drawing(try #require(parseGraph(text).0)).svg()
    #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
    #expect(svg.contains("a &lt;b&gt; &amp; &quot;c&quot; 数据"))
    #expect(svg.contains("prefers-color-scheme: dark"))
    #expect(svg.contains("fill:#f9f") && !svg.contains("evil"))
    #expect(svg.count(of: "<") == svg.count(of: ">"))
    #expect(svg.count(of: "marker-end") == 9)
  }

  @Test func largeGraphsTakeNoTime() throws {
    var text = "graph TD\n"
    for index in 0..<1500 { text += "n\(index) --> n\(index + 1)\nn\(index / 3) -.-> n\(index + 2)\n" }
    let file = try #require(parseGraph(text).0)
    let started = ContinuousClock.now
    #expect(Drawing(file).svg().contains("n1501"))
    #expect(ContinuousClock.now - started < .seconds(60))
  }

  private func randomDiagram(_ direction: String, _ random: inout SystemlessRandom) -> String {
    let count = 3 + random.below(14)
    var text = "graph \(direction)\n"
    let groups = random.below(4)
    for group in 0..<groups {
      text += "subgraph g\(group)[\"a group\"]\n"
      for node in 0..<count where node % (groups + 2) == group { text += "n\(node)\n" }
      if random.below(3) == 0 { text += "subgraph h\(group)\nm\(group)\nk\(group) --> m\(group)\nend\n" }
      text += "end\n"
    }
    for node in 0..<count where random.below(2) == 0 {
      text += "n\(node)[\"\(String(repeating: "标签 label ", count: random.below(4) + 1))<br/>second\"]\n"
    }
    for _ in 0..<(count + random.below(count)) {
      let label = random.below(3) == 0 ? "|label \(random.below(99))|" : ""
      text += "n\(random.below(count)) -->\(label) n\(random.below(count))\n"
    }
    if groups > 1 { text += "g0 --> g1\nn\(count - 1) --> g0\n" }
    return text
  }
}

/// A fixed sequence, so that a failure comes back.
struct SystemlessRandom {
  var state: UInt64

  mutating func below(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(truncatingIfNeeded: state >> 33) % max(bound, 1)
  }
}

extension String {
  fileprivate func count(of part: String) -> Int { components(of: part) - 1 }

  private func components(of part: String) -> Int { split(separator: part, omittingEmptySubsequences: false).count }
}
