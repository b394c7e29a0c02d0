// SPDX-License-Identifier: Apache-2.0
// Diagrams as people drew them, and the examples of the language's description, read verbatim.

import GraphLanguage
import GraphSupport
import Testing

@Suite struct SeedDiagramTests {
  @Test func lifeOfAModel() throws {
    let diagram = try read(
      """
      graph TD
          A[数据采集] --> B[数据预处理]
          B --> C{预训练模型选择}
          C -->|选择模型| D[预训练]
          D --> E{任务定义}
          E --> F[微调]
          F --> G[评估与优化]
          G --> H[模型部署]
      """
    ).diagram
    #expect(diagram.boxes.map(\.id) == ["A", "B", "C", "D", "E", "F", "G", "H"])
    #expect(diagram.boxes.map(\.displayName)[2] == "预训练模型选择")
    #expect(diagram.boxes.filter(\.shape.isDecision).map(\.id) == ["C", "E"])
    #expect(diagram.edges.count == 7)
    #expect(diagram.edges[2].label?.text == "选择模型")
  }

  @Test func shortForm() throws {
    let diagram = try read(
      """
      graph TB
      A[数据收集与预处理] --> B[模型训练]
      B --> C[模型评估]
      C --> D[模型部署]
      """
    ).diagram
    #expect(diagram.direction == .down)
    #expect(diagram.boxes.map(\.displayName) == ["数据收集与预处理", "模型训练", "模型评估", "模型部署"])
    #expect(diagram.edges.map { "\($0.from.id)\($0.to.id)" } == ["AB", "BC", "CD"])
  }

  @Test func conceptChain() throws {
    let diagram = try read(
      """
      graph TD
      A[人工智能] --> B[大模型]
      B --> C[用户优势]
      C --> D[商业化]
      """
    ).diagram
    #expect(diagram.boxes.map(\.displayName) == ["人工智能", "大模型", "用户优势", "商业化"])
  }

  @Test func modelWithABlock() throws {
    let file = try read(
      """
      graph TD
          subgraph block["block(width, heads)"]
              x["Input(N, T, width)"] --> norm1["LayerNormalization"]
              x & norm1 --> sum1["Add"]
          end
          tokens["Input(N, T, i32)"] --> stack["Repeat(block(768, 12), 12)"]
          stack -->|hidden:initial_state| out["Dense(4 * width, gelu)"]
      """)
    let block = try #require(file.diagram.subgraph("block"))
    #expect(block.head?.asCall?.arguments.count == 2)
    #expect(block.members == [.box("x"), .box("norm1"), .box("sum1")])
    #expect(file.diagram.topBoxes.map(\.id) == ["tokens", "stack", "out"])
    #expect(file.diagram.edges[1].from.id == "x" && file.diagram.edges[2].from.id == "norm1")
    #expect(file.diagram.edges.last?.ports.port == "hidden")
    #expect(file.diagram.edges.last?.ports.operand == "initial_state")
  }

  @Test func boundPipeline() throws {
    let file = try read(
      """
      ---
      title: 从数据采集到模型部署
      stages:
        A: ReadCSV('digits.csv', label = last)
        B:
          - Rescaling(1/16)
          - Split(train = 0.8, validation = 0.1, test = 0.1, seed = 42)
        C: Choose(among = [mlp, cnn], by = accuracy)
        E: "accuracy > 0.9"
      ---
      graph TD
          A[数据采集] --> B[数据预处理]
          B --> C{预训练模型选择}
          C -->|选择模型| D[预训练]
          D --> E{任务定义}
      """)
    #expect(file.frontMatter.title?.value == "从数据采集到模型部署")
    #expect(file.frontMatter.binding("B")?.operations.count == 2)
    let condition = try #require(file.frontMatter.binding("E")?.operations.first)
    #expect(file.source.text(condition.range) == "accuracy > 0.9")
    guard case .binary(.greater, _, _) = condition.kind else {
      Issue.record("expected a comparison")
      return
    }
    let call = try #require(file.frontMatter.binding("A")?.operations.first?.asCall)
    #expect(call.name == "ReadCSV" && call.arguments[1].name == "label")
    #expect(file.source.text(call.arguments[0].value.range) == "'digits.csv'")
  }
}

/// A text that must be right.
func read(_ text: String) throws -> GraphFile {
  let (file, diagnostics) = parseGraph(text, path: "test.graph")
  #expect(diagnostics.isEmpty, "\(DiagnosticRenderer().render(diagnostics))")
  return try #require(file)
}
