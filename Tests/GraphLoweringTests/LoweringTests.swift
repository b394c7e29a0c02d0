// SPDX-License-Identifier: Apache-2.0
// Lowered graphs compute what the operators mean.

import GraphIR
import GraphLowering
import GraphOps
import GraphOptimizer
import KernelIR
import PlanIR
import TensorCore
import Testing

/// The graph's outputs by the operators' own meaning.
private func reference(_ graph: Graph, _ inputs: [Tensor]) throws -> [Reference] {
  var values: [ValueID: Reference] = [:]
  for (input, tensor) in zip(graph.inputs, inputs) { values[input] = Reference(tensor) }
  for node in graph.nodes {
    let results = try node.operation.evaluate(node.operands.map { $0.flatMap { values[$0] } })
    for (result, value) in zip(node.results, results) { values[result] = value }
  }
  return try graph.outputs.map { try #require(values[$0.value]) }
}

private let options = LoweringOptions(target: ScheduleTarget(lanes: 16, registers: 32))

private func check(_ graph: Graph, _ inputs: [Tensor], kernels: Int? = nil, fuses: Bool = true) throws {
  var context = PassContext()
  let optimized = try GraphPass.run(GraphPass.pipeline(.full), on: graph, &context)
  var options = options
  options.fuses = fuses
  let model = try LoweredModel.lower(optimized, options)
  if let kernels, fuses {
    #expect(model.plan.steps.count == kernels, "\(model.kernels.map { KernelPrinter.print($0) }.joined(separator: "\n"))")
  }
  let outputs = try evaluate(model, inputs)
  for (output, expected) in zip(outputs, try reference(graph, inputs)) {
    #expect(output.shape == expected.shape)
    for index in 0..<output.count {
      let (x, y) = (output.double(index), expected.double(index))
      #expect(
        abs(x - y) <= 1e-5 + 1e-5 * abs(y), "element \(index): \(x) for \(y)\n\(model.kernels.map { KernelPrinter.print($0) }.joined(separator: "\n"))")
      if abs(x - y) > 1e-5 + 1e-5 * abs(y) { return }
    }
  }
}

struct LoweringTests {
  @Test func `a dense layer is one kernel`() throws {
    var random = SampleSource(seed: 1)
    var builder = GraphBuilder(name: "dense")
    let x = builder.input("x", TensorType(.f32, [5, 20]))
    let w = try builder.constant(random.tensor(.f32, [20, 37]))
    let b = try builder.constant(random.tensor(.f32, [37]))
    let y = try builder.emit(Exp(), builder.emit(Add(), builder.emit(MatMul(), x, w), b))
    builder.output("y", y)
    try check(builder.graph, [random.tensor(.f32, [5, 20])], kernels: 1)
  }

  @Test func `a row normalisation is one kernel`() throws {
    var random = SampleSource(seed: 2)
    for (shape, axes) in [([6, 50], [1]), ([3, 4, 10], [1, 2]), ([3, 17, 9], [1]), ([7], [0]), ([2, 3, 4, 5], [0, 2])] {
      var builder = GraphBuilder(name: "rows")
      let x = builder.input("x", TensorType(.f32, shape.map { Dim($0) }))
      let e = try builder.emit(Exp(), x)
      let s = try builder.emit(ReduceSum(axes: axes), e)
      builder.output("y", try builder.emit(Mul(), e, s))
      try check(builder.graph, [random.tensor(.f32, shape)], kernels: 1)
      try check(builder.graph, [random.tensor(.f32, shape)], fuses: false)
    }
  }

  @Test func `scores of queries and keys read views`() throws {
    var random = SampleSource(seed: 3)
    var builder = GraphBuilder(name: "scores")
    let q = builder.input("q", TensorType(.f32, [2, 7, 12]))
    let k = builder.input("k", TensorType(.f32, [2, 9, 12]))
    func heads(_ x: ValueID, _ length: Int, _ order: [Int]) throws -> ValueID {
      try builder.emit(Transpose(perm: order), builder.emit(Reshape(shape: [2, Dim(length), 3, 4]), x))
    }
    let scores = try builder.emit(MatMul(), heads(q, 7, [0, 2, 1, 3]), heads(k, 9, [0, 2, 3, 1]))
    let back = try builder.emit(Reshape(shape: [2, 7, 27]), builder.emit(Transpose(perm: [0, 2, 1, 3]), scores))
    builder.output("y", back)
    try check(builder.graph, [random.tensor(.f32, [2, 7, 12]), random.tensor(.f32, [2, 9, 12])], kernels: 2)
  }
}
