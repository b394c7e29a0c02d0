// SPDX-License-Identifier: Apache-2.0
// Names, sizes, functions, branches, and what is refused.

import GraphIR
import GraphSupport
import ONNXImport
import TensorCore
import Testing

@Suite struct StructureTests {
  private func findings(_ bytes: [UInt8], _ options: ImportOptions = ImportOptions()) throws -> [Diagnostic] {
    do {
      _ = try importBytes(bytes, options)
      return []
    } catch let error as DiagnosticsError {
      return error.diagnostics
    }
  }

  @Test func sizesAreComputedByName() throws {
    // Reshape(x, Concat(Gather(Shape(x), 0), -1)) with an unknown first size.
    let graph = graph(
      [
        node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"]), node("Unsqueeze", ["n", "axes"], ["n1"]),
        node("Concat", ["n1", "rest"], ["shape"], [("axis", .int(0))]), node("Reshape", ["x", "shape"], ["y"]),
      ],
      inputs: [valueInfo("x", ["", "3", "4"])], outputs: ["y"],
      initializers: [
        tensorMessage("zero", 7, []) { $0.data(9, rawLongs([0])) }, longs("axes", [0]), longs("rest", [-1]),
      ])
    let imported = try importBytes(model(graph))
    let type = imported.graph.type(imported.graph.outputs[0].value)
    #expect(type.shape == [Dim(symbol: "x.0"), 12])
    #expect(try run(imported, ["x": try tensor([Double](repeating: 1, count: 24), [2, 3, 4])]).shape == [2, 12])
    #expect(try importBytes(model(graph), ImportOptions(dims: ["x.0": 5])).graph.type(ValueID(0)).shape == [5, 3, 4])
    #expect(try findings(model(graph), ImportOptions(dims: ["M": 5])).map(\.id) == ["unknown-dim"])
  }

  @Test func inputsWithValuesAreConstantsUnlessGiven() throws {
    let graph = graph(
      [node("Add", ["x", "w"], ["y"])], inputs: [valueInfo("x", ["2"]), valueInfo("w", ["2"])], outputs: ["y"],
      initializers: [floats("w", [2], [1, 2])])
    let imported = try importBytes(model(graph))
    #expect(imported.graph.inputs.count == 1)
    let given = RunInputs(isGiven: { name, _ in name == "w" || name == "x" }, tensor: { _, _, _ in nil })
    #expect(try importBytes(model(graph), ImportOptions(run: given)).graph.inputs.count == 2)
  }

  @Test func valuesThatDecideShapesAreTakenFromTheRun() throws {
    let graph = graph(
      [node("Expand", ["x", "shape"], ["y"])], inputs: [valueInfo("x", ["1"]), valueInfo("shape", type: 7, ["2"])],
      outputs: ["y"])
    #expect(try importBytes(model(graph)).boundInputs.isEmpty)
    let sums = ONNXImportTests.graph(
      [node("CumSum", ["x", "axis"], ["y"])], inputs: [valueInfo("x", ["1"]), valueInfo("axis", type: 7, [])],
      outputs: ["y"])
    let missing = try findings(model(sums))
    #expect(missing.count == 1 && missing[0].message.contains("'axis'"))
    let run = RunInputs(isGiven: { _, _ in true }) { name, _, _ in
      name == "shape" ? try tensor([2, 3], nil, .i64) : try tensor([1])
    }
    let imported = try importBytes(model(graph), ImportOptions(run: run))
    #expect(imported.boundInputs == ["shape"])
    #expect(imported.graph.type(imported.graph.outputs[0].value).shape == [2, 3])
    let constant = try importBytes(model(graph), ImportOptions(constants: ["shape": "[3, 2]"]))
    #expect(constant.graph.type(constant.graph.outputs[0].value).shape == [3, 2])
  }

  /// A branch that applies an operator to x twice.
  private func branch(_ operation: String) -> Wire {
    graph([node(operation, ["x", "x"], ["r"])], outputs: ["r"])
  }

  @Test func branchesThatAreKnownAreInlined() throws {
    let graph = graph(
      [node("If", ["c"], ["y"], [("then_branch", .graph(branch("Add"))), ("else_branch", .graph(branch("Mul")))])],
      inputs: [valueInfo("x", ["1"]), valueInfo("c", type: 9, [])], outputs: ["y"])
    for (value, expected) in [("true", 6.0), ("false", 9.0)] {
      let imported = try importBytes(model(graph), ImportOptions(constants: ["c": value]))
      #expect(try run(imported, ["x": try tensor([3])]).doubles() == [expected])
    }
  }

  @Test func branchesOfOtherSizesHaveRunTimeSizes() throws {
    let twice = graph([node("Concat", ["x", "x"], ["r"], [("axis", .int(0))])], outputs: ["r"])
    let sums = graph([node("ReduceSum", ["x"], ["r"])], outputs: ["r"])
    func choice(_ other: Wire) -> [UInt8] {
      model(
        graph(
          [node("If", ["c"], ["y"], [("then_branch", .graph(twice)), ("else_branch", .graph(other))])],
          inputs: [valueInfo("x", ["N"]), valueInfo("c", type: 9, [])], outputs: ["y"]))
    }
    let imported = try importBytes(choice(sums))
    let x = try tensor([1, 2, 3])
    #expect(try run(imported, ["x": x, "c": try tensor([1], [], .bool)]).doubles() == [1, 2, 3, 1, 2, 3])
    #expect(try run(imported, ["x": x, "c": try tensor([0], [], .bool)]).doubles() == [6])
    let matrix = graph([node("Unsqueeze", ["x", "axes"], ["r"])], outputs: ["r"], initializers: [longs("axes", [0])])
    let finding = try #require(try findings(choice(matrix)).first)
    #expect(finding.message.contains("in one branch and"), "\(finding)")
  }

  @Test func functionsAreInlined() throws {
    var function = Wire()
    function.text(1, "Twice")
    function.text(4, "a")
    function.text(5, "b")
    function.text(6, "axis")
    function.message(7, node("Concat", ["a", "a"], ["b"], [("axis", .reference("axis"))]))
    function.text(10, "own")
    let graph = graph(
      [node("Twice", ["x"], ["y"], domain: "own", [("axis", .int(1))])], inputs: [valueInfo("x", ["1", "2"])],
      outputs: ["y"])
    let imported = try importBytes(model(graph, functions: [function], domains: ["own"]))
    #expect(try run(imported, ["x": try tensor([1, 2], [1, 2])]).doubles() == [1, 2, 1, 2])
  }

  @Test func functionsWithoutEndAreRefused() throws {
    var function = Wire()
    function.text(1, "Loop")
    function.text(4, "a")
    function.text(5, "b")
    function.message(7, node("Loop", ["a"], ["b"], domain: "own"))
    function.text(10, "own")
    let graph = graph([node("Loop", ["x"], ["y"], domain: "own")], inputs: [valueInfo("x", ["1"])], outputs: ["y"])
    #expect(try findings(model(graph, functions: [function])).contains { $0.message.contains("nested deeper") })
  }

  @Test func everythingUnsupportedIsReportedAtOnce() throws {
    let graph = graph(
      [
        node("Fizz", ["x"], ["a"], name: "first"), node("Fizz", ["a"], ["b"], name: "second"),
        node("Buzz", ["b"], ["c"], name: "third", domain: "own"), node("Relu", ["c"], ["y"], [("odd", .int(1))]),
        node("Abs", ["x"], ["z"], [("odd", .int(1))]), node("Unread", ["x"], ["nobody"]),
      ],
      inputs: [valueInfo("x", ["1"])], outputs: ["y", "z"])
    let found = try findings(model(graph))
    #expect(found.map(\.id) == ["unsupported-operator", "unsupported-operator", "import"])
    #expect(found[0].message.contains("'Fizz'") && found[0].notes[0].message.contains("'first', 'second'"))
    #expect(found[1].message.contains("'own.Buzz'"))
    #expect(found[2].message.contains("'odd'"))
  }

  @Test func wrongNamesAreReported() throws {
    let twice = graph(
      [node("Relu", ["x"], ["y"]), node("Abs", ["x"], ["y"])], inputs: [valueInfo("x", ["1"])], outputs: ["y"])
    #expect(try findings(model(twice)).map(\.id) == ["duplicate-name"])
    let missing = graph([node("Relu", ["q"], ["y"])], inputs: [valueInfo("x", ["1"])], outputs: ["y", "z"])
    #expect(try findings(model(missing)).map(\.id) == ["undefined-name", "undefined-name"])
  }

  @Test func oddNamesAreKept() throws {
    let name = "输入 \"a\"=b:0/c"
    let graph = graph(
      [node("Relu", [name], ["out put"], name: "n"), node("Relu", ["out put"], ["y=1"], name: "n")],
      inputs: [valueInfo(name, ["batch size"])], outputs: ["y=1"])
    let imported = try importBytes(model(graph))
    #expect(imported.graph[imported.graph.inputs[0]].name == name)
    #expect(imported.graph.outputs[0].name == "y=1")
    #expect(imported.graph.symbols.map(\.name) == ["batch size"])
    #expect(Set(imported.nodes.map(\.name)).count == 2)
  }

  @Test func aModelWithoutVersionIsOfTheFirst() throws {
    let graph = graph(
      [node("Cast", ["x"], ["y"], [("to", .text("INT32"))])], inputs: [valueInfo("x", ["1"])], outputs: ["y"])
    #expect(try run(try importBytes(model(graph, opset: nil)), ["x": try tensor([2.5])]).integers() == [2])
  }
}
