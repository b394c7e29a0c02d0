// SPDX-License-Identifier: Apache-2.0
// Quantised models: products of bytes, exact where the operators are, within a step where they round.

import GraphIR
import GraphInterpreter
import GraphOps
import Lamina
import LLVMBackend
import PlanIR
import TensorCore
import Testing

@Suite struct QuantizedTests {
  private static let targets = ["native", "x86-64-v3", "x86-64-v2"].compactMap { try? TargetDescription.host($0) }

  private func bytes(_ dtype: DType, _ shape: [Int], seed: Int) throws -> Tensor {
    try randomInputs([(name: "x", type: TensorType(dtype, shape.map { Dim($0) }))], seed: seed, dims: [:])[0]
  }

  private func number(_ value: Double, _ dtype: DType) throws -> Tensor {
    try #require(Tensor(dtype, [], doubles: [value]))
  }

  /// Runs a graph compiled and interpreted; the outputs may differ by so much.
  private func check(_ graph: Graph, _ inputs: [Tensor], within bound: Double = 0, multiplies: Int) throws {
    let names = graph.inputs.map { graph[$0].name ?? "" }
    let named = Dictionary(zip(names, inputs), uniquingKeysWith: { first, _ in first })
    let expected = try interpret(graph, inputs: named)
    for target in Self.targets {
      let compiled = try CompiledModel(graph, CompileOptions(target: target, jobs: 1))
      let kernels = compiled.plan.steps.filter { $0.control == nil }.map { compiled.plan.kernels[$0.kernel] }
      #expect(kernels.filter { $0.hasPrefix("contract") }.count == multiplies, "\(kernels)")
      for (port, output) in zip(compiled.plan.outputs, try compiled.run(inputs, threads: 2)) {
        let reference = try #require(expected[port.name])
        let comparison = TensorComparison(output, reference, absolute: bound, relative: 0)
        #expect(comparison.matches, "\(target.name), '\(port.name)': \(comparison)")
      }
    }
  }

  @Test(arguments: [DType.i8, .u8], [DType.i8, .u8]) func integersAreExact(_ left: DType, _ right: DType) throws {
    for (seed, (rows, depth, columns)) in [(1, 3, 5), (7, 40, 33), (20, 129, 48), (33, 64, 100)].enumerated() {
      var builder = GraphBuilder(name: "product")
      let a = builder.input("a", TensorType(left, [Dim(rows), Dim(depth)]))
      let b = try builder.constant(bytes(right, [depth, columns], seed: seed))
      let zeros: [ValueID?] = [
        try builder.constant(number(5, left)), try builder.constant(bytes(right, [columns], seed: seed + 9)),
      ]
      for (name, operands) in [("y", [a, b]), ("z", [a, b] + zeros)] {
        builder.output(name, try builder.emitAny(MatMulInteger(), operands)[0])
      }
      // Both are one product.
      try check(builder.graph, [bytes(left, [rows, depth], seed: seed + 20)], multiplies: 1)
    }
  }

  @Test func convolutionsAreExact() throws {
    for (seed, group) in [1, 1, 2].enumerated() {
      var builder = GraphBuilder(name: "conv")
      let x = builder.input("x", TensorType(.u8, [2, 6, 9, 11]))
      var conv = ConvInteger()
      conv.pads = [1, 0, 1, 2]
      conv.strides = [1, seed + 1]
      conv.group = group
      let w = try builder.constant(bytes(.i8, [20, 6 / group, 3, 3], seed: seed))
      let zero = try builder.constant(number(117, .u8))
      builder.output("y", try builder.emitAny(conv, [x, w, zero])[0])
      try check(builder.graph, [bytes(.u8, [2, 6, 9, 11], seed: seed + 5)], multiplies: 1)
    }
  }

  /// What tools write: every tensor quantised and dequantised again, also around a pool and a reshape.
  @Test func dequantisedProductsAreThoseOfBytes() throws {
    var builder = GraphBuilder(name: "dequantised")
    var scales = 0
    func dequantised(_ x: ValueID, _ scale: ValueID, _ zero: ValueID) throws -> ValueID {
      try builder.emitAny(DequantizeLinear(axis: 0), [x, scale, zero])[0]
    }
    func rounded(_ x: ValueID, _ scale: Double, _ zero: Double) throws -> ValueID {
      scales += 1
      let (scale, zero) = (try builder.constant(number(scale, .f32)), try builder.constant(number(zero, .u8)))
      return try dequantised(try builder.emitAny(QuantizeLinear(), [x, scale, zero])[0], scale, zero)
    }
    func weights(_ shape: [Int], seed: Int) throws -> ValueID {
      let count = shape[0]
      let scale = try #require(Tensor(.f32, [count], doubles: (0..<count).map { 0.002 + 0.0001 * Double($0) }))
      let zero = try #require(Tensor(zeros: .i8, [count]))
      return try dequantised(
        builder.constant(bytes(.i8, shape, seed: seed)), builder.constant(scale), builder.constant(zero))
    }
    let x = builder.input("x", TensorType(.f32, [1, 4, 12, 12]))
    var conv = Conv()
    conv.pads = [1, 1, 1, 1]
    let first = try builder.emit(conv, rounded(x, 0.01, 128), weights([20, 4, 3, 3], seed: 1))
    let small = try rounded(try builder.emit(Relu(), first), 0.02, 0)
    var pool = MaxPool()
    pool.kernelShape = [2, 2]
    pool.strides = [2, 2]
    let pooled = try rounded(try builder.emit(pool, small), 0.02, 0)
    let second = try builder.emit(conv, pooled, weights([24, 20, 3, 3], seed: 2))
    let flat = try builder.emit(Flatten(), rounded(second, 0.05, 128))
    var gemm = Gemm()
    gemm.transB = true
    builder.output("y", try builder.emit(gemm, rounded(flat, 0.05, 128), weights([10, 864], seed: 3)))
    // A step of the first two layers' results that a rounding decided otherwise, seen by the weights of the next.
    try check(builder.graph, [bytes(.f32, [1, 4, 12, 12], seed: 4)], within: 0.5, multiplies: 3)
    #expect(scales == 5)
  }
}
