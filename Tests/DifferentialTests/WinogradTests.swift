// SPDX-License-Identifier: Apache-2.0
// Convolutions by Winograd's method against the interpreter, which makes every product.

import GraphIR
import GraphInterpreter
import GraphOps
import GraphOptimizer
import Lamina
import LLVMBackend
import PlanIR
import TensorCore
import Testing

@Suite struct WinogradTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var images: Int
    var size: (height: Int, width: Int)
    var channels: Int
    var filters: Int
    var pads: [Int]
    var testDescription: String { "\(images) x \(size) x \(channels) -> \(filters), pads \(pads)" }
  }

  static let cases = [
    Case(images: 1, size: (14, 14), channels: 64, filters: 64, pads: [1, 1, 1, 1]),
    Case(images: 2, size: (13, 9), channels: 40, filters: 72, pads: [0, 0, 0, 0]),
    Case(images: 1, size: (7, 30), channels: 33, filters: 100, pads: [1, 0, 2, 1]),
    Case(images: 3, size: (8, 8), channels: 65, filters: 31, pads: [2, 2, 2, 2]),
  ]

  /// relu(conv(x, w) + b + x') as people write residual blocks.
  private func graph(_ test: Case) throws -> Graph {
    var builder = GraphBuilder(name: "block")
    let x = builder.input(
      "x", TensorType(.f32, [test.images, test.channels, test.size.height, test.size.width].map { Dim($0) }))
    var conv = Conv()
    conv.pads = test.pads.map { Dim($0) }
    let w = try builder.constant(randomTensor([test.filters, test.channels, 3, 3], seed: 1))
    let b = try builder.constant(randomTensor([test.filters], seed: 2))
    let sum = try builder.emitAny(conv, [x, w, b])[0]
    let rest = builder.input("rest", builder.type(sum))
    builder.output("y", try builder.emit(Relu(), try builder.emit(Add(), sum, rest)))
    return builder.graph
  }

  private func randomTensor(_ shape: [Int], seed: Int) throws -> Tensor {
    try randomInputs([(name: "x", type: TensorType(.f32, shape.map { Dim($0) }))], seed: seed, dims: [:])[0]
  }

  @Test(arguments: cases, [WinogradLimit.two, .four])
  func equalsTheInterpreter(_ test: Case, _ limit: WinogradLimit) throws {
    let graph = try graph(test)
    let ports = graph.inputs.map { (name: graph[$0].name ?? "", type: graph.type($0)) }
    let inputs = try randomInputs(ports, seed: 3, dims: [:])
    let named = Dictionary(zip(ports.map(\.name), inputs), uniquingKeysWith: { first, _ in first })
    let expected = try #require(try interpret(graph, inputs: named)["y"])
    // Sums of up to 9 · 65 products of numbers up to 1.
    let bound = limit == .two ? 2e-5 : 2e-4
    for target in ["native", "x86-64-v3", "x86-64-v2"] {
      guard let target = try? TargetDescription.host(target) else { continue }
      let compiled = try CompiledModel(graph, CompileOptions(target: target, winograd: limit, jobs: 1))
      // Transposed in, transformed, multiplied, transformed with all that follows.
      let kernels = compiled.plan.steps.filter { $0.control == nil }.map { compiled.plan.kernels[$0.kernel] }
      #expect(kernels.filter { $0.hasPrefix("winograd") }.count == 2, "\(kernels)")
      let output = try compiled.run(inputs)[0]
      let comparison = TensorComparison(output, expected, absolute: bound, relative: bound)
      #expect(comparison.matches, "\(target.name): \(comparison)")
      #expect(output.isIdentical(to: try compiled.run(inputs, threads: 3)[0]))
    }
  }

  /// Only what the method is for: other windows, strides, groups and few channels keep their sums.
  @Test func isLimited() throws {
    func lowered(_ limit: WinogradLimit, _ change: (inout Conv) -> Void, channels: Int = 64) throws -> String {
      var builder = GraphBuilder(name: "conv")
      let x = builder.input("x", TensorType(.f32, [1, Dim(channels), 16, 16]))
      var conv = Conv()
      change(&conv)
      let w = try builder.constant(randomTensor([64, channels / conv.group, 3, 3], seed: 1))
      builder.output("y", try builder.emit(conv, x, w))
      return describe(try CompiledModel.optimized(builder.graph, CompileOptions(winograd: limit)))
    }
    #expect(try lowered(.four, { _ in }).contains("WinogradOutput"))
    #expect(try !lowered(.off, { _ in }).contains("Winograd"))
    #expect(try !lowered(.four, { $0.strides = [2, 2] }).contains("Winograd"))
    #expect(try !lowered(.four, { $0.dilations = [2, 2] }).contains("Winograd"))
    #expect(try !lowered(.four, { $0.group = 4 }).contains("Winograd"))
    #expect(try !lowered(.four, { _ in }, channels: 1).contains("Winograd"))
  }
}
