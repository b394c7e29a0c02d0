// SPDX-License-Identifier: Apache-2.0
// Graph text: what is printed reads back the same, and what does not read is said where it is.

import GraphIR
import GraphOps
import GraphSupport
import GraphTestKit
import TensorCore
import Testing

private func parse(_ text: String, tensors: [String: Tensor] = [:]) throws -> Graph {
  try parseGraph(SourceText(path: "test.ir", text), tensors: tensors, operation: OperatorRegistry.operation)
}

private func findings(_ text: String) -> [String] {
  do {
    _ = try parse(text)
    return []
  } catch let error as DiagnosticsError {
    return error.diagnostics.map { "\($0.location?.description ?? ""): \($0.message)" }
  } catch {
    return ["\(error)"]
  }
}

@Suite struct GraphTextTests {
  @Test(arguments: 0..<24) func randomGraphsReadBack(_ seed: Int) throws {
    let (graph, inputs) = try RandomGraph.make(seed: UInt64(seed), nodes: 12)
    #expect(verify(graph) == [])
    #expect(Set(graph.inputs.compactMap { graph[$0].name }) == Set(inputs.keys))
    let text = printGraph(graph)
    #expect(printGraph(try parse(text.text, tensors: text.tensors)).text == text.text)
  }

  @Test func everyPartReadsBack() throws {
    let text = """
      graph "模型 \\"a\\"\\n" {
        symbol N in 1...64
        symbol 長さ in 1...2147483648
        %0 "x": f32[N, 2 * 長さ] = input
        %1: f32[] = Constant() {value = tensor f32[] (0.1)}
        %2: bool[2] = Constant() {value = tensor bool[2] (1, 0)} @"mask"
        %3 "y": f32[N, 2 * 長さ] = Mul(%0, %1) @"block/0/乘"
        %4: f32[2 * N, 長さ] = Reshape(%3) {shape = [<2 * N>, <長さ>]}
        %5: f32[min(N, 長さ), ((N + 1) // 2) + 3] = Expand(%1) {shape = [<min(N, 長さ)>, <((N + 1) // 2) + 3>]}
        output "y" = %4
        output "z" = %5
      }

      """
    let graph = try parse(text)
    #expect(verify(graph) == [])
    #expect(describe(graph) == text)
    #expect(graph.name == "模型 \"a\"\n")
    #expect(graph.nodes.last?.origin.location?.description == "test.ir:9:3")
  }

  @Test func largeTensorsStandBesideTheText() throws {
    var random = SampleSource(seed: 1)
    var builder = GraphBuilder(name: "g")
    let tensor = random.tensor(.f32, [40])
    builder.output("y", try builder.constant(tensor))
    let text = printGraph(builder.graph)
    #expect(text.tensors.count == 1)
    let parsed = try parse(text.text, tensors: text.tensors)
    #expect(try #require(parsed.nodes.first?.operation as? Constant).value == SharedTensor(tensor))
    #expect(findings(text.text).first?.contains("no tensor \"t0\"") == true)
  }

  @Test func errorsAreFoundWhereTheyAre() {
    #expect(
      findings("graph \"g\" {\n  %0: f32[2] = input\n  %1: f32[3] = Exp(%0)\n  output \"y\" = %1\n}")
        == ["test.ir:3:3: '%1' is f32[2], the text says f32[3]"])
    #expect(findings("graph \"g\" {\n  %1: f32[3] = Exq(%0)\n}") == ["test.ir:2:16: there is no operator 'Exq'"])
    #expect(findings("graph \"g\" {\n  %1: f32[3] = Exp(%0)\n}") == ["test.ir:2:20: '%0' is not defined here"])
    #expect(
      findings("graph \"g\" {\n") == [
        "test.ir:2:1: found the end of the text, expected '}' after the graph's last line"
      ])
    #expect(findings("graph \"g").first == "test.ir:1:7: a string does not end")
    #expect(findings("graph \"g\" {\n  %0: f32[-1] = input\n}") == ["test.ir:2:3: '%0' has a size of -1"])
    #expect(findings("graph \"g\" {\n  symbol N in 5...1\n}").count == 1)
  }

  @Test func everyBrokenLineIsReportedOnce() {
    let text = """
      graph "g" {
        %0: f32[2] = input
        %1: f32[2] = Nothing(%0)
        %2: f32[2] = Exp(%1)
        %3: f32[2] = Softmax(%0) {axes = 3}
        %4: f32[2] = Exp(%0
        output "y" = %2
      }
      """
    let found = findings(text)
    #expect(found.count == 3, "\(found)")
    #expect(found.first == "test.ir:3:16: there is no operator 'Nothing'")
  }

  @Test func deepNestingIsRefused() {
    let deep = String(repeating: "(", count: 100_000)
    #expect(findings("graph \"g\" {\n  %0: f32[\(deep)1] = input\n}").count == 1)
  }

  /// Damaged text gives findings or another graph, never a crash.
  @Test func damagedTextIsRead() throws {
    let (graph, _) = try RandomGraph.make(seed: 3, nodes: 6)
    let bytes = Array(printGraph(graph).text.utf8)
    var random = SampleSource(seed: 9)
    for _ in 0..<400 {
      var damaged = bytes
      for _ in 0..<random.int(1...3) {
        let place = random.int(0...damaged.count - 1)
        switch random.int(0...2) {
        case 0: damaged[place] = UInt8(random.int(0...255))
        case 1: damaged.remove(at: place)
        default: damaged.insert(damaged[random.int(0...damaged.count - 1)], at: place)
        }
      }
      if let read = try? parseGraph(SourceText(path: "", bytes: damaged), operation: OperatorRegistry.operation) {
        #expect(verify(read).filter { !$0.contains("not declared") } == [])
      }
    }
  }
}
