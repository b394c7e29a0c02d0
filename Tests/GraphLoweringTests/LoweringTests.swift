// SPDX-License-Identifier: Apache-2.0
// Lowered graphs compute what the operators mean.

import GraphIR
import GraphLowering
import GraphOps
import GraphOptimizer
import GraphSupport
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

/// Compares a lowered graph with its operators' meaning, and the number of its kernels.
func check(_ graph: Graph, _ inputs: [Tensor], kernels: Int? = nil, fuses: Bool = true) throws {
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

  @Test func `operators that fan out stay with their product`() throws {
    var random = SampleSource(seed: 5)
    var builder = GraphBuilder(name: "gelu")
    let x = builder.input("x", TensorType(.f32, [7, 20]))
    let w = try builder.constant(random.tensor(.f32, [20, 37]))
    let product = try builder.emit(MatMul(), x, w)
    let inner = try builder.emit(Erf(), builder.emit(Div(), product, builder.scalar(2.0.squareRoot(), .f32)))
    let sum = try builder.emit(Add(), inner, builder.scalar(1, .f32))
    let y = try builder.emit(Mul(), builder.emit(Mul(), product, sum), builder.scalar(0.5, .f32))
    builder.output("y", y)
    try check(builder.graph, [random.tensor(.f32, [7, 20])], kernels: 1)
    // What others read too is stored on the way.
    builder.output("product", product)
    try check(builder.graph, [random.tensor(.f32, [7, 20])], kernels: 1)
  }

  @Test func `convolutions with channels first turn images once`() throws {
    var random = SampleSource(seed: 6)
    var builder = GraphBuilder(name: "channels first")
    let x = builder.input("x", TensorType(.f32, [2, 4, 9, 9]))
    func convolution(_ x: ValueID) throws -> ValueID {
      try builder.emit(Conv(), x, builder.constant(random.tensor(.f32, [4, 4, 1, 1])))
    }
    let first = try builder.emit(Relu(), convolution(x))
    let second = try builder.emit(Add(), convolution(first), first)
    let pooled = try builder.emit(GlobalAveragePool(), builder.emit(Relu(), second))
    builder.output("y", pooled)
    try check(builder.graph, [random.tensor(.f32, [2, 4, 9, 9])], kernels: 3)
  }

  @Test func `a gated layer is one kernel`() throws {
    var random = SampleSource(seed: 4)
    // Halves in both orders, widths that fill no vector, a residual that another branch of the graph makes.
    for (rows, width, isFirst) in [(5, 37, true), (1, 32, false), (13, 16, true), (40, 3, false)] {
      var builder = GraphBuilder(name: "gated")
      let x = builder.input("x", TensorType(.f32, [Dim(rows), 20]))
      let r = builder.input("r", TensorType(.f32, [Dim(rows), Dim(width)]))
      let w = try builder.constant(random.tensor(.f32, [20, 2 * width]))
      let b = try builder.constant(random.tensor(.f32, [2 * width]))
      let sum = try builder.emit(Add(), builder.emit(MatMul(), x, w), b)
      let a = try builder.emit(Slice(axis: 1, from: 0, to: Dim(width)), sum)
      let c = try builder.emit(Slice(axis: 1, from: Dim(width), to: Dim(2 * width)), sum)
      let gate = try builder.emit(Sigmoid(), isFirst ? a : c)
      let y = try builder.emit(Mul(), gate, isFirst ? c : a)
      builder.output("gate", gate)
      builder.output("y", try builder.emit(Add(), y, r))
      let inputs = [random.tensor(.f32, [rows, 20]), random.tensor(.f32, [rows, width])]
      try check(builder.graph, inputs, kernels: 1)
      // What reads all columns keeps them in memory.
      builder.output("sum", sum)
      try check(builder.graph, inputs)
    }
  }

  @Test func `groups that wait for their own results are kernels of their own`() throws {
    var random = SampleSource(seed: 5)
    var builder = GraphBuilder(name: "waits")
    let x = builder.input("x", TensorType(.f32, [4, 16]))
    func product(_ x: ValueID) throws -> ValueID {
      try builder.emit(MatMul(), x, builder.constant(random.tensor(.f32, [16, 32])))
    }
    func half(_ x: ValueID, _ place: Int) throws -> ValueID {
      try builder.emit(Slice(axis: 1, from: Dim(16 * place), to: Dim(16 * place + 16)), x)
    }
    // The second layer reads the first one's values and the first one's gate is applied to the second layer's result.
    let first = try product(x)
    let value = try builder.emit(Tanh(), half(first, 0))
    let gate = try builder.emit(Sigmoid(), half(first, 1))
    let second = try product(value)
    let both = try builder.emit(Add(), builder.emit(Tanh(), half(second, 0)), half(second, 1))
    builder.output("y", try builder.emit(Mul(), gate, both))
    builder.output("z", try builder.emit(Add(), both, value))
    try check(builder.graph, [random.tensor(.f32, [4, 16])], kernels: 2)
  }

  /// Sizes of batch, rows, depth and columns, several of them 0.
  @Test(arguments: [
    [0, 3, 4, 5], [2, 0, 4, 0], [0, 0, 4, 20], [0, 3, 4, 0], [0, 0, 0, 0], [2, 3, 0, 5], [0, 200, 4, 20], [2, 0, 0, 5],
  ]) func `products without an element are plans`(_ sizes: [Int]) throws {
    var random = SampleSource(seed: 9)
    let (batch, rows, depth, columns) = (sizes[0], sizes[1], sizes[2], sizes[3])
    let (left, right) = ([batch, rows, depth], [batch, depth, columns])
    for isConstant in [false, true] {
      var builder = GraphBuilder(name: "empty")
      func type(_ shape: [Int]) -> TensorType { TensorType(.f32, shape.map { Dim($0) }) }
      let a = builder.input("a", type(left))
      let b = isConstant ? try builder.constant(random.tensor(.f32, right)) : builder.input("b", type(right))
      builder.output("y", try builder.emit(Exp(), builder.emit(MatMul(), a, b)))
      builder.output("z", try builder.emit(Einsum("bik,bkj->jbi"), a, b))
      let inputs = [random.tensor(.f32, left)] + (isConstant ? [] : [random.tensor(.f32, right)])
      for fuses in [true, false] { try check(builder.graph, inputs, fuses: fuses) }
    }
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

  /// Batch, queries, keys, and elements of each: one block and several of both, a single query, remainders.
  @Test(arguments: [
    [2, 7, 9, 5, 3], [1, 70, 21, 4, 8], [2, 3, 530, 3, 2], [1, 40, 517, 2, 17], [2, 1, 30, 8, 4], [2, 1, 8200, 2, 2],
  ]) func `attention is one kernel without the scores`(_ sizes: [Int]) throws {
    var random = SampleSource(seed: 8)
    let (batch, queries, keys) = (sizes[0], sizes[1], sizes[2])
    let shapes = [[batch, queries, sizes[3]], [batch, keys, sizes[3]], [batch, keys, sizes[4]], [batch, 1, keys]]
    var builder = GraphBuilder(name: "attention")
    let inputs = shapes.enumerated().map { builder.input("x\($0)", TensorType(.f32, $1.map { Dim($0) })) }
    let turned = try builder.emit(Transpose(perm: [0, 2, 1]), inputs[1])
    let scores = try builder.emit(Add(), builder.emit(MatMul(), inputs[0], turned), inputs[3])
    let sum = try builder.emit(MatMul(), builder.emit(Softmax(), scores), inputs[2])
    builder.output("y", try builder.emit(Relu(), sum))
    try check(builder.graph, shapes.map { random.tensor(.f32, $0) }, kernels: 1)
    // Nothing between the inputs and the output is in memory, and the kernel is text like any other.
    var context = PassContext()
    let model = try LoweredModel.lower(
      try GraphPass.run(GraphPass.pipeline(.full), on: builder.graph, &context), options)
    #expect(model.plan.layout([:])?.byteCount == 0)
    let text = KernelPrinter.print(model.kernels[0])
    #expect(KernelPrinter.print(try KernelParser.parse(SourceText(path: "attention.kernel", text))) == text)
  }
}
