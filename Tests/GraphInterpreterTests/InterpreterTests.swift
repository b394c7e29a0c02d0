// SPDX-License-Identifier: Apache-2.0
// The interpreter: binding of named sizes, errors, memory, observation.

import GraphIR
import GraphInterpreter
import GraphOps
import GraphSupport
import TensorCore
import Testing

private func tensor(_ shape: [Int], _ values: [Double]) throws -> Tensor {
  try #require(Tensor(.f32, shape, doubles: values))
}

/// `y = x · w + b` over rows of a named number.
private func dense() throws -> Graph {
  var builder = GraphBuilder(name: "dense", symbols: [Symbol("N", 1...4)])
  let x = builder.input("x", TensorType(.f32, [Dim(symbol: "N"), 2]))
  let w = builder.input("w", TensorType(.f32, [2, 1]))
  builder.origin = Origin(path: "hidden")
  let product = try builder.emit(MatMul(), x, w)
  let two = try builder.emit(Reshape(exactly: [Dim(symbol: "N")]), product)
  builder.output("y", two)
  return builder.graph
}

private func message(_ inputs: [String: Tensor]) throws -> Diagnostic? {
  do {
    _ = try interpret(dense(), inputs: inputs)
    return nil
  } catch let error as DiagnosticsError {
    return error.diagnostics.first
  }
}

@Suite struct InterpreterTests {
  @Test func namedSizesAreBoundFromInputs() throws {
    let inputs = ["x": try tensor([3, 2], [1, 2, 3, 4, 5, 6]), "w": try tensor([2, 1], [10, 1])]
    let y = try #require(try interpret(dense(), inputs: inputs)["y"])
    #expect(y.shape == [3])
    #expect(y.doubles() == [12, 34, 56])
  }

  @Test func everyValueIsObservedOnce() throws {
    var seen: [ValueID] = []
    let inputs = ["x": try tensor([1, 2], [1, 2]), "w": try tensor([2, 1], [10, 1])]
    _ = try interpret(dense(), inputs: inputs) { value, _ in seen.append(value) }
    #expect(seen.map(\.index) == [0, 1, 2, 3])
  }

  @Test func inputsThatDoNotFitAreNamed() throws {
    let (x, w) = (try tensor([3, 2], [1, 2, 3, 4, 5, 6]), try tensor([2, 1], [10, 1]))
    #expect(try message(["x": x])?.message == "input 'w' (f32[2, 1]) is not given")
    #expect(try message(["x": x, "w": w, "v": w])?.message == "'dense' has no input 'v'")
    let range = try message(["x": tensor([5, 2], [Double](repeating: 0, count: 10)), "w": w])
    #expect(range?.message == "'N' of input 'x' (f32[N, 2]) is 5, expected 1 to 4")
    #expect(range?.notes.first?.message == "'dense' takes 'x': f32[N, 2], 'w': f32[2, 1]")
    #expect(
      try message(["x": x, "w": tensor([2, 2], [1, 2, 3, 4])])?.message
        == "input 'w' has shape [2, 2], expected f32[2, 1] with N = 3")
    let wrong = try #require(Tensor(.i32, [2, 1], integers: [1, 2]))
    #expect(try message(["x": x, "w": wrong])?.message == "input 'w' is i32[2, 1], expected f32[2, 1]")
  }

  @Test func sizesOfSeveralNamesAreChecked() throws {
    var builder = GraphBuilder(name: "g", symbols: [Symbol("N"), Symbol("T")])
    let n = Dim(symbol: "N")
    let t = Dim(symbol: "T")
    builder.output("y", try builder.emit(Exp(), builder.input("both", TensorType(.f32, [n * t]))))
    builder.input("n", TensorType(.f32, [n]))
    builder.input("t", TensorType(.f32, [t]))
    let (six, two, three) = (
      try tensor([6], [0, 0, 0, 0, 0, 0]), try tensor([2], [0, 0]), try tensor([3], [0, 0, 0])
    )
    #expect(
      try interpret(builder.graph, inputs: ["both": six, "n": two, "t": three])["y"]?.doubles() == [1, 1, 1, 1, 1, 1])
    #expect(throws: DiagnosticsError.self) {
      try interpret(builder.graph, inputs: ["both": six, "n": three, "t": three])
    }
  }

  @Test func evaluationErrorsSayTheBox() throws {
    var builder = GraphBuilder(name: "g")
    builder.origin = Origin(path: "block/dense")
    builder.output("y", try builder.emit(Parameter("dense/kernel", .f32, [2], initializer: "zeros")))
    do {
      _ = try interpret(builder.graph, inputs: [:])
      Issue.record("a parameter has no value")
    } catch let error as DiagnosticsError {
      #expect(
        error.diagnostics.first?.message == "'block/dense': parameter 'dense/kernel' has no value: bind weights first")
    }
  }
}
