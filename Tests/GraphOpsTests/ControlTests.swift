// SPDX-License-Identifier: Apache-2.0
// Operators with regions: what they mean, what they refuse, and how they print.

import GraphIR
import GraphInterpreter
import GraphOps
import GraphSupport
import TensorCore
import Testing

private func reals(_ values: [Double], _ shape: [Int]? = nil) -> Reference {
  Reference(.f64, shape ?? [values.count], reals: values)
}

private func integer(_ value: Int64, _ dtype: DType = .i64) -> Reference { Reference(dtype, [], integers: [value]) }

/// `f64[2]` everywhere here.
private let pair = TensorType(.f64, [2])

/// A loop body that doubles a value and stacks it, going on while its sum is below 20.
private func doubling() throws -> Graph {
  var builder = GraphBuilder(name: "body")
  _ = builder.input("i", TensorType(.i64, []))
  _ = builder.input("cond", TensorType(.bool, []))
  let value = builder.input("v", pair)
  let next = try builder.emit(Add(), value, value)
  let sum = try builder.emit(ReduceSum(axes: [0], keepDims: false), next)
  builder.output("go", try builder.emit(Less(), sum, try builder.scalar(20, .f64)))
  builder.output("v", next)
  builder.output("all", next)
  return builder.graph
}

@Suite struct ControlTests {
  /// The example of ONNX's description of Scan: a running sum.
  @Test func `Scan gives running sums`() throws {
    var builder = GraphBuilder(name: "sum")
    let next = try builder.emit(Add(), builder.input("s", pair), builder.input("x", pair))
    builder.output("s", next)
    builder.output("y", next)
    let scan = Scan(builder.graph, carried: 1, inputs: 1)
    let found = try scan.evaluate([reals([0, 0]), reals([1, 2, 3, 4, 5, 6], [3, 2])])
    #expect(found[0].reals == [9, 12])
    #expect(found[1].reals == [1, 2, 4, 6, 9, 12] && found[1].shape == [3, 2])
    var reversed = scan
    reversed.inputDirections = [1]
    reversed.outputDirections = [1]
    #expect(try reversed.evaluate([reals([0, 0]), reals([1, 2, 3, 4, 5, 6], [3, 2])])[1].reals == [9, 12, 8, 10, 5, 6])
    let sideways = { () -> Scan in
      var scan = scan
      scan.inputAxes = [1]
      scan.outputAxes = [-1]
      return scan
    }()
    #expect(try sideways.evaluate([reals([0, 0]), reals([1, 3, 5, 2, 4, 6], [2, 3])])[1].reals == [1, 4, 9, 2, 6, 12])
  }

  @Test func `Loop ends by its count or its condition`() throws {
    var graph = GraphBuilder(name: "main")
    let limit = graph.input("limit", TensorType(.i64, []))
    let start = graph.input("v", pair)
    let count = graph.runtimeSize(near: "Loop", atMost: 10)
    let results = try graph.emitAny(LoopOperator(doubling(), carried: 1, count: count), [limit, nil, start])
    for (number, result) in results.enumerated() { graph.output("y\(number)", result) }
    #expect(verify(graph.graph) == [])
    for (limit, expected) in [(0, [1.0, 2.0]), (2, [4, 8]), (9, [8, 16])] {
      let found = try interpret(graph.graph, references: ["limit": integer(Int64(limit)), "v": reals([1, 2])])
      #expect(found["y0"]?.reals == expected)
      #expect(found["y1"]?.shape == [min(limit, 3), 2])
    }
    let text = printGraph(graph.graph)
    let parsed = try parseGraph(SourceText(path: "loop.ir", text.text), operation: OperatorRegistry.operation)
    #expect(printGraph(parsed).text == text.text)
  }

  @Test func `an If of a constant is its branch`() throws {
    var random = SampleSource(seed: 3)
    let sample = If.sample(&random)
    var graph = GraphBuilder(name: "main")
    let operands = sample.operands.dropFirst().enumerated().map { graph.input("x\($0)", $1 ?? pair) }
    let yes = try graph.constant(try #require(Tensor(.bool, [], integers: [1])))
    let rule = try #require(If.rules.first)
    var context = RuleContext(builder: graph, operation: sample.operation, operands: [yes] + operands)
    let results = try #require(try rule.apply(&context))
    #expect(context.builder.graph.producer(results[0])?.operation is Mul)
  }

  @Test func `regions whose types do not fit are refused`() throws {
    var wrong = GraphBuilder(name: "body")
    let x = wrong.input("x", pair)
    wrong.output("y", x)
    let scan = Scan(wrong.graph, carried: 0, inputs: 1)
    #expect(throws: TypeError.self) { try scan.inferTypes([TensorType(.f32, [3, 2])]) }
    #expect(throws: TypeError.self) { try scan.inferTypes([TensorType(.f64, [])]) }
    #expect(throws: TypeError.self) { try Scan().inferTypes([pair]) }
    #expect(throws: TypeError.self) { try LoopOperator().inferTypes([nil, nil]) }
    var negative = scan
    negative.carried = -1
    #expect(throws: TypeError.self) { try negative.inferTypes([TensorType(.f64, [3, 2])]) }
    negative.carried = 0
    negative.inputCount = .max
    #expect(throws: TypeError.self) { try negative.inferTypes([TensorType(.f64, [3, 2])]) }
  }
}
