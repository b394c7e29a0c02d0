// SPDX-License-Identifier: Apache-2.0
// Sizes that only a run tells, by the interpreter and compiled.

import GraphIR
import GraphInterpreter
import GraphSupport
import Lamina
import ONNXImport
import TensorCore
import Testing

@Suite struct RuntimeSizeTests {
  /// The only output of a model for some inputs, after checking that compiled code gives the same.
  private func run(_ bytes: [UInt8], _ inputs: [String: Tensor]) throws -> Tensor {
    let model = try importBytes(bytes)
    let ordered = try model.graph.inputs.map { try #require(inputs[model.graph[$0].name ?? ""]) }
    let compiled = try CompiledModel(model.graph, CompileOptions(jobs: 1)).run(ordered)
    let result = try ONNXImportTests.run(model, inputs)
    #expect(compiled.count == 1 && compiled[0].isIdentical(to: result), "\(compiled[0].type) for \(result.type)")
    return result
  }

  private func integers(_ values: [Int]) throws -> Tensor { try tensor(values.map(Double.init), nil, .i64) }

  @Test func slices() throws {
    let x = try tensor((0..<10).map(Double.init), [5, 2])
    func slice(_ start: Int, _ end: Int, step: Int = 1, axis: Int = 0) throws -> Tensor {
      let bytes = model(
        graph(
          [node("Slice", ["x", "start", "end", "axes", "steps"], ["y"])],
          inputs: [valueInfo("x", ["N", "2"]), valueInfo("start", type: 7, ["1"]), valueInfo("end", type: 7, ["1"])],
          outputs: ["y"], initializers: [longs("axes", [axis]), longs("steps", [step])]))
      return try run(bytes, ["x": x, "start": try integers([start]), "end": try integers([end])])
    }
    #expect(try slice(1, 3).doubles() == [2, 3, 4, 5])
    #expect(try slice(-2, 9_000_000_000).doubles() == [6, 7, 8, 9])
    #expect(try slice(3, 2).shape == [0, 2])
    #expect(try slice(4, -9, step: -2).doubles() == [8, 9, 4, 5, 0, 1])
    #expect(try slice(-9, 9, step: 3).doubles() == [0, 1, 6, 7])
    #expect(try slice(1, 2, axis: -1).doubles() == [1, 3, 5, 7, 9])
  }

  /// One end of several is computed; a start of 0 needs no indices.
  @Test func prefixes() throws {
    let bytes = model(
      graph(
        [
          node("Concat", ["k", "two"], ["ends"], [("axis", .int(0))]), node("Slice", ["x", "zeros", "ends"], ["part"]),
          node("ReduceSum", ["part", "last"], ["y"], [("keepdims", .int(0))]),
        ],
        inputs: [valueInfo("x", ["4", "3"]), valueInfo("k", type: 7, ["1"])], outputs: ["y"],
        initializers: [longs("two", [2]), longs("zeros", [0, 0]), longs("last", [1])]))
    let x = try tensor((0..<12).map(Double.init), [4, 3])
    for (k, expected) in [(3, [1.0, 7, 13]), (-3, [1]), (0, []), (7, [1, 7, 13, 19])] {
      #expect(try run(bytes, ["x": x, "k": try integers([k])]).doubles() == expected)
    }
  }

  @Test func ranges() throws {
    let bytes = model(
      graph(
        [
          node("Min", ["k", "ten"], ["limit"]), node("ReduceMax", ["limit"], ["most"], [("keepdims", .int(0))]),
          node("Range", ["zero", "most", "step"], ["y"]),
        ],
        inputs: [valueInfo("k", type: 7, ["3"])], outputs: ["y"],
        initializers: [
          longs("ten", [10]), tensorMessage("zero", 7, []) { $0.data(9, rawLongs([1])) },
          tensorMessage("step", 7, []) { $0.data(9, rawLongs([4])) },
        ]))
    #expect(try run(bytes, ["k": try integers([2, 9, 3])]).integers() == [1, 5])
    #expect(try run(bytes, ["k": try integers([2, 90, 3])]).integers() == [1, 5, 9])
    #expect(try run(bytes, ["k": try integers([-2, -9, -3])]).shape == [0])
  }

  private func reshape(_ count: Int, _ attributes: [(String, AttributeValue)] = []) -> [UInt8] {
    model(
      graph(
        [node("Reshape", ["x", "shape"], ["z"], attributes), node("Neg", ["z"], ["y"])],
        inputs: [valueInfo("x", ["N", "6"]), valueInfo("shape", type: 7, ["\(count)"])], outputs: ["y"]), opset: 14)
  }

  @Test func reshapes() throws {
    let x = try tensor((0..<12).map(Double.init), [2, 6])
    for shape in [[3, 4], [4, -1], [-1, 2], [0, 6], [0, -1], [2, 0], [1, 12]] {
      let wanted = shape.enumerated().map { axis, size in size == 0 ? [2, 6][axis] : size }
      let rest = 12 / wanted.filter { $0 != -1 }.reduce(1, *)
      let result = try run(reshape(2), ["x": x, "shape": try integers(shape)])
      #expect(result.shape == wanted.map { $0 == -1 ? rest : $0 })
      #expect(result.doubles() == x.doubles().map { -$0 })
    }
    #expect(try run(reshape(3), ["x": x, "shape": try integers([2, 3, 2])]).shape == [2, 3, 2])
    #expect(try run(reshape(1), ["x": x, "shape": try integers([-1])]).shape == [12])
    // What does not fit the data ends the run.
    let model = try importBytes(reshape(2))
    #expect(throws: (any Error).self) {
      _ = try ONNXImportTests.run(model, ["x": x, "shape": try integers([5, 2])])
    }
    let compiled = try CompiledModel(model.graph, CompileOptions(jobs: 1))
    let ordered = [x, try integers([5, 2])]
    #expect(throws: (any Error).self) { _ = try compiled.run(ordered) }
  }

  @Test func padsAndCopies() throws {
    let bytes = model(
      graph(
        [
          node("Clip", ["k", "none", "five"], ["pads"]), node("Pad", ["x", "pads"], ["wide"]),
          node("Cast", ["many"], ["repeats"], [("to", .int(7))]), node("Tile", ["wide", "repeats"], ["y"]),
        ],
        inputs: [valueInfo("x", ["N"]), valueInfo("k", type: 7, ["2"]), valueInfo("many", type: 2, ["1"])],
        outputs: ["y"],
        initializers: [
          tensorMessage("none", 7, []) { $0.data(9, rawLongs([0])) },
          tensorMessage("five", 7, []) { $0.data(9, rawLongs([5])) },
        ]))
    let x = try tensor([1, 2])
    for (before, after, copies) in [(1, 2, 2), (0, 0, 1), (9, 0, 3), (2, 1, 0)] {
      let many = try tensor([Double(copies)], nil, .u8)
      let y = try run(bytes, ["x": x, "k": try integers([before, after]), "many": many])
      let row = [Double](repeating: 0, count: min(before, 5)) + [1, 2] + [Double](repeating: 0, count: after)
      let expected: [Double] = (0..<copies).flatMap { _ in row }
      #expect(y.doubles() == expected)
    }
  }

  @Test func axesOfOneElement() throws {
    let bytes = model(
      graph(
        [node("Squeeze", ["x", "axes"], ["y"])], inputs: [valueInfo("x", ["N", "2"])], outputs: ["y"],
        initializers: [longs("axes", [0])]))
    #expect(try run(bytes, ["x": try tensor([1, 2], [1, 2])]).doubles() == [1, 2])
    let compiled = try CompiledModel(try importBytes(bytes).graph, CompileOptions(jobs: 1))
    let two = try tensor([1, 2, 3, 4], [2, 2])
    #expect(throws: DiagnosticsError.self) { _ = try compiled.run([two]) }
  }

  @Test func broadcasts() throws {
    let bytes = model(
      graph(
        [
          node("Clip", ["k", "none", "five"], ["limited"]),
          node("Concat", ["limited", "three"], ["shape"], [("axis", .int(0))]),
          node("Expand", ["x", "shape"], ["a"]),
          node("ConstantOfShape", ["shape"], ["b"], [("value", .tensor(floats("v", [1], [2])))]),
          node("Add", ["a", "b"], ["y"]),
        ],
        inputs: [valueInfo("x", ["1", "3"]), valueInfo("k", type: 7, ["1"])], outputs: ["y"],
        initializers: [
          longs("three", [3]), tensorMessage("none", 7, []) { $0.data(9, rawLongs([0])) },
          tensorMessage("five", 7, []) { $0.data(9, rawLongs([5])) },
        ]))
    let x = try tensor([1, 2, 3], [1, 3])
    #expect(try run(bytes, ["x": x, "k": try integers([2])]).doubles() == [3, 4, 5, 3, 4, 5])
    #expect(try run(bytes, ["x": x, "k": try integers([50])]).shape == [5, 3])
  }

  /// Nothing bounds these: memory grows from run to run, and whoever imports the model is told.
  @Test func sizesWithoutABoundGrow() throws {
    let filled = model(
      graph(
        [node("ConstantOfShape", ["k"], ["zeros"]), node("Add", ["zeros", "x"], ["y"])],
        inputs: [valueInfo("k", type: 7, ["1"]), valueInfo("x", ["1"])], outputs: ["y"]))
    let warnings = try importBytes(filled).warnings
    #expect(warnings.contains { $0.id == "growing-size" && $0.message.contains("'shape' of 'ConstantOfShape'") })
    let x = try tensor([4])
    #expect(try run(filled, ["k": try integers([3]), "x": x]).doubles() == [4, 4, 4])
    let imported = try importBytes(filled)
    let compiled = try CompiledModel(imported.graph, CompileOptions(jobs: 1))
    let k = try integers([1000])
    var session = try ModelSession(compiled, [k, x])
    // Smaller, larger, and the same again with the room that there is then.
    for count in [1000, 2, 70000, 70000, 0] {
      k.set(0, integer: Int64(count))
      try session.run()
      #expect(session.outputs[0].shape == [count])
      #expect(session.outputs[0].doubles().allSatisfy { $0 == 4 })
    }
    k.set(0, integer: -1)
    #expect(throws: DiagnosticsError.self) { try session.run() }
    let range = model(
      graph(
        [node("Range", ["zero", "k", "one"], ["y"])], inputs: [valueInfo("k", type: 7, [])], outputs: ["y"],
        initializers: [
          tensorMessage("zero", 7, []) { $0.data(9, rawLongs([0])) },
          tensorMessage("one", 7, []) { $0.data(9, rawLongs([1])) },
        ]))
    #expect(try run(range, ["k": try tensor([5], [], .i64)]).integers() == [0, 1, 2, 3, 4])
  }

  /// A loop that stacks as many results as an input says.
  @Test func loopsGrow() throws {
    let body = graph(
      [node("Identity", ["go"], ["again"]), node("Add", ["v", "x"], ["next"]), node("Neg", ["next"], ["seen"])],
      inputs: [valueInfo("i", type: 7, []), valueInfo("go", type: 9, []), valueInfo("v", ["2"])],
      outputs: ["again", "next", "seen"])
    let bytes = model(
      graph(
        [node("Loop", ["m", "", "x"], ["last", "y"], [("body", .graph(body))])],
        inputs: [valueInfo("m", type: 7, []), valueInfo("x", ["2"])], outputs: ["y"]))
    let x = try tensor([1, 2])
    for count in [3, 0, 40] {
      let result = try run(bytes, ["m": try tensor([Double(count)], [], .i64), "x": x])
      #expect(result.shape == [count, 2])
      let rounds = (0..<count).map { Double($0) + 2 }
      let expected: [Double] = rounds.flatMap { [-$0, -2 * $0] }
      #expect(result.doubles() == expected)
    }
  }
}
