// SPDX-License-Identifier: Apache-2.0
// `.graph` files written from models: readable, and the same to the bit.

import Foundation
import GraphIR
import GraphInterpreter
import GraphSupport
import Lamina
import ONNXImport
import TensorCore
import Testing

@Suite struct WriteTests {
  /// The written text, after checking that it computes what the model computes.
  private func written(_ bytes: [UInt8], _ inputs: [Tensor]) throws -> String {
    let folder = try TemporaryFolder()
    let source = try ModelSource.load(try folder.write(bytes))
    let file = try writeGraphFile(source, to: "\(folder.path)/out.graph")
    let read = try ModelSource.load(file.path)
    func outputs(_ graph: Graph) throws -> [Tensor] {
      let names = graph.inputs.map { graph[$0].name ?? "" }
      let values = try interpret(graph, inputs: Dictionary(uniqueKeysWithValues: zip(names, inputs)))
      return graph.outputs.compactMap { values[$0.name] }
    }
    let (expected, found) = (try outputs(source.graph), try outputs(read.graph))
    #expect(expected.count == found.count)
    for (a, b) in zip(expected, found) { #expect(a.isIdentical(to: b)) }
    return try String(contentsOfFile: file.path, encoding: .utf8)
  }

  @Test func weightsStandInTheirBoxes() throws {
    let graph = graph(
      [
        node("Conv", ["x", "w", "b"], ["c"], name: "/stem/conv", [("kernel_shape", .ints([1, 1]))]),
        node("Relu", ["c"], ["y"], name: "/stem/relu"),
      ],
      inputs: [valueInfo("x", ["N", "2", "3", "3"])], outputs: ["y"],
      initializers: [floats("w", [1, 2, 1, 1], [1, 2]), floats("b", [1], [3])])
    let text = try written(model(graph), [try tensor((0..<18).map { Double($0) }, [1, 2, 3, 3])])
    #expect(
      text.contains("conv[\"Conv(W = Parameter(1, 2, 1, 1), B = Constant([3.0]), kernel_shape = [1, 1])\"]"), "\(text)")
    #expect(text.contains("x[\"Input(N, 2, 3, 3)\"]\n    x --> conv"), "\(text)")
  }

  @Test func productsWithBiasAreDense() throws {
    let weights = floats("w", [2, 10], (0..<20).map { Float($0) })
    let graph = graph(
      [
        node("MatMul", ["x", "w"], ["m"], name: "/head/MatMul"), node("Add", ["b", "m"], ["a"]),
        node("Relu", ["a"], ["y"]),
      ],
      inputs: [valueInfo("x", ["N", "2"])], outputs: ["y"],
      initializers: [weights, floats("b", [10], (0..<10).map { Float($0) })])
    let text = try written(model(graph), [try tensor([1, -2, 3, 4], [2, 2])])
    #expect(text.contains("y[\"Dense(10, relu)\"]"), "\(text)")
  }

  /// Sizes that only a run tells are written where an operator makes them itself; others are refused.
  @Test func sizesOfARun() throws {
    let places = graph([node("NonZero", ["x"], ["y"])], inputs: [valueInfo("x", ["N"])], outputs: ["y"])
    let text = try written(model(places), [try tensor([0, 2, 0, 4])])
    #expect(text.contains("y[\"NonZero\"]"), "\(text)")
    let slices = graph(
      [node("Slice", ["x", "k", "k"], ["y"])], inputs: [valueInfo("x", ["N"]), valueInfo("k", type: 7, ["1"])],
      outputs: ["y"])
    let error = #expect(throws: DiagnosticsError.self) { _ = try written(model(slices), []) }
    let finding = try #require(error?.diagnostics.first)
    #expect(finding.id == "cannot-write" && finding.message.contains("'y'"))
    #expect(finding.notes.contains { $0.message.contains("lamina run") })
  }

  /// Weights inside and outside, an output that is an input, a branch that reads nothing, and names that are taken.
  @Test func branchesAreSubgraphs() throws {
    let weights = floats("w", [3, 3], (0..<9).map { Float($0) })
    let then = graph(
      [node("MatMul", ["x", "w"], ["r"]), node("Add", ["r", "shift"], ["y"])], outputs: ["y", "x"],
      initializers: [weights])
    let otherwise = graph(
      [node("Constant", [], ["c"], [("value", .tensor(floats("c", [1, 3], [4, 5, 6])))]), node("Neg", ["c"], ["d"])],
      outputs: ["c", "d"])
    let choice = graph(
      [
        node("If", ["flag"], ["a", "b"], [("then_branch", .graph(then)), ("else_branch", .graph(otherwise))]),
        node("Sub", ["a", "b"], ["y"]),
      ],
      inputs: [valueInfo("flag", type: 9, []), valueInfo("x", ["1", "3"]), valueInfo("shift", ["3"])], outputs: ["y"])
    for flag in [1.0, 0] {
      let inputs = [try tensor([flag], [], .bool), try tensor([1, 2, 3], [1, 3]), try tensor([0.5, -1, 9])]
      let text = try written(model(choice), inputs)
      #expect(text.contains("then_branch = ") && text.components(separatedBy: "subgraph").count == 3, "\(text)")
    }
  }

  /// A Scan with a state, a scanned input and weights, inside a Loop of known length.
  @Test func loopsAreSubgraphs() throws {
    let step = graph(
      [
        node("Add", ["s", "slice"], ["sum"]), node("Gemm", ["sum", "w"], ["next"]),
        node("Identity", ["next"], ["seen"]),
      ],
      inputs: [valueInfo("s", ["1", "2"]), valueInfo("slice", ["1", "2"])], outputs: ["next", "seen"],
      initializers: [floats("w", [2, 2], [0.5, -0.25, 1, 0.75])])
    let body = graph(
      [
        node("Scan", ["state", "x"], ["last", "all"], [("body", .graph(step)), ("num_scan_inputs", .int(1))]),
        node("Identity", ["go"], ["again"]),
      ],
      inputs: [valueInfo("i", type: 7, []), valueInfo("go", type: 9, []), valueInfo("state", ["1", "2"])],
      outputs: ["again", "last", "all"])
    let graph = graph(
      [node("Loop", ["three", "", "x0"], ["end", "y"], [("body", .graph(body))])],
      inputs: [valueInfo("x", ["T", "1", "2"]), valueInfo("x0", ["1", "2"])], outputs: ["end", "y"],
      initializers: [tensorMessage("three", 7, []) { $0.data(9, rawLongs([3])) }])
    let x = try tensor((0..<8).map { Double($0) - 3 }, [4, 1, 2])
    let text = try written(model(graph), [x, try tensor([1, -1], [1, 2])])
    #expect(
      text.contains("Scan(body = ") && text.contains("onnx.Loop(body = ") || text.contains("Loop(body = "), "\(text)")
  }

  @Test func layersThatRepeatAreABlock() throws {
    var nodes: [Wire] = []
    var initializers: [Wire] = []
    for layer in 0..<4 {
      initializers.append(floats("w\(layer)", [4, 4], (0..<16).map { Float($0 * (layer + 1)) / 8 }))
      let input = layer == 0 ? "x" : "s\(layer - 1)"
      nodes += [
        node("MatMul", [input, "w\(layer)"], ["m\(layer)"], name: "/layer.\(layer)/MatMul"),
        node("Add", ["m\(layer)", "shift"], ["a\(layer)"], name: "/layer.\(layer)/shift"),
        node("Add", ["a\(layer)", input], ["s\(layer)"], name: "/layer.\(layer)/sum"),
      ]
    }
    nodes.append(node("Relu", ["s3"], ["y"]))
    let graph = graph(
      nodes, inputs: [valueInfo("x", ["batch size", "4"]), valueInfo("shift", ["batch size", "4"])], outputs: ["y"],
      initializers: initializers)
    let inputs = [try tensor([1, 2, 3, 4], [1, 4]), try tensor([4, 3, 2, 1], [1, 4])]
    let text = try written(model(graph), inputs)
    #expect(text.contains("Repeat(block(batch_size), 4)"), "\(text)")
    #expect(text.components(separatedBy: "Dense").count == 2, "\(text)")
  }

  @Test func namesThatAreNoIdsStandInComments() throws {
    let graph = graph(
      [node("Abs", ["in put"], ["out:0"])], inputs: [valueInfo("in put", ["2"])], outputs: ["out:0", "in put"])
    let text = try written(model(graph), [try tensor([1, -2])])
    #expect(text.contains("%% in_put is 'in put'\n    in_put[\"Input(2)\"]"), "\(text)")
    #expect(text.contains("%% out_0 is 'out:0'\n    in_put --> out_0[\"Abs\"]"), "\(text)")
  }

  @Test func constantsAndSharedWeights() throws {
    let shared = floats("w", [3, 3], (0..<9).map { Float($0) })
    let graph = graph(
      [
        node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["a", "w"], ["b"]), node("Mul", ["half", "b"], ["c"]),
        node("Gather", ["c", "places"], ["y"], [("axis", .int(1))]),
        node("Split", ["c"], ["p", "q", "z"], [("axis", .int(1))]),
      ],
      inputs: [valueInfo("x", ["2", "3"])], outputs: ["y", "q"],
      initializers: [shared, floats("half", [], [0.1]), longs("places", [2, 0])])
    let text = try written(model(graph), [try tensor([1, 2, 3, 4, 5, 6], [2, 3])])
    #expect(text.contains("Mul(A = Constant(0.1))") && text.contains("indices = Constant([2, 0], i64)"), "\(text)")
  }
}
