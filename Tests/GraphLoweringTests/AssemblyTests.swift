// SPDX-License-Identifier: Apache-2.0
// Operands that are computed where they are in a larger result.

import GraphIR
import GraphOps
import TensorCore
import Testing

struct AssemblyTests {
  private func layer(_ x: ValueID, _ columns: Int, _ random: inout SampleSource, _ builder: inout GraphBuilder) throws
    -> ValueID
  {
    let rows = try #require(builder.type(x).shape.last?.value)
    let w = try builder.constant(random.tensor(.f32, [rows, columns]))
    return try builder.emit(Relu(), builder.emit(MatMul(), x, w))
  }

  @Test func `joining layers moves nothing`() throws {
    var random = SampleSource(seed: 1)
    var builder = GraphBuilder(name: "concat")
    let x = builder.input("x", TensorType(.f32, [5, 12]))
    let parts = try [7, 16, 20].map { try layer(x, $0, &random, &builder) }
    let joined = try builder.emitAll(Concat(axis: 1), parts)[0]
    builder.output("y", try layer(joined, 9, &random, &builder))
    try check(builder.graph, [random.tensor(.f32, [5, 12])], kernels: 4)
  }

  @Test func `only what is not computed here is copied`() throws {
    var random = SampleSource(seed: 2)
    var builder = GraphBuilder(name: "skip")
    let x = builder.input("x", TensorType(.f32, [5, 12]))
    let y = try layer(x, 20, &random, &builder)
    // An input, a layer, and the same layer again.
    let joined = try builder.emitAll(Concat(axis: -1), [x, y, y])[0]
    builder.output("y", try layer(joined, 9, &random, &builder))
    try check(builder.graph, [random.tensor(.f32, [5, 12])], kernels: 4)
  }

  @Test func `blocks that grow are in one place`() throws {
    var random = SampleSource(seed: 3)
    var builder = GraphBuilder(name: "dense block")
    let x = builder.input("x", TensorType(.f32, [3, 4, 8]))
    var all = try layer(x, 6, &random, &builder)
    for width in [5, 7, 16] {
      all = try builder.emitAll(Concat(axis: 2), [all, layer(all, width, &random, &builder)])[0]
    }
    builder.output("y", try layer(all, 3, &random, &builder))
    try check(builder.graph, [random.tensor(.f32, [3, 4, 8])], kernels: 5)
  }

  @Test func `what somebody needs side by side stays so`() throws {
    var random = SampleSource(seed: 4)
    var builder = GraphBuilder(name: "outputs")
    let x = builder.input("x", TensorType(.f32, [5, 12]))
    let (a, b) = try (layer(x, 7, &random, &builder), layer(x, 8, &random, &builder))
    builder.output("a", a)
    builder.output("joined", try builder.emitAll(Concat(axis: 1), [a, b])[0])
    try check(builder.graph, [random.tensor(.f32, [5, 12])], kernels: 3)
  }

  @Test(arguments: [0.0, 2.5]) func `convolutions write into padded images`(_ border: Double) throws {
    var random = SampleSource(seed: 5)
    var builder = GraphBuilder(name: "padded")
    let x = builder.input("x", TensorType(.f32, [2, 6, 9, 4]))
    var conv = Conv()
    conv.dataFormat = DataFormat.channelsLast.rawValue
    func convolution(_ x: ValueID, _ channels: Int) throws -> ValueID {
      try builder.emit(Relu(), builder.emit(conv, x, builder.constant(random.tensor(.f32, [3, 3, channels, 20]))))
    }
    let first = try convolution(x, 4)
    let padded = try builder.emit(Pad(pads: [0, 1, 2, 0, 0, 1, 0, 0], value: border), first)
    builder.output("y", try convolution(padded, 20))
    // Two convolutions and a border.
    try check(builder.graph, [random.tensor(.f32, [2, 6, 9, 4])], kernels: 3)
  }

  @Test func `borders lie around whole axes too`() throws {
    var random = SampleSource(seed: 6)
    for pads in [[1, 0, 0, 0, 0, 0], [0, 0, 3, 0, 0, 2], [2, 1, 3, 0, 2, 1]] {
      var builder = GraphBuilder(name: "border")
      let x = builder.input("x", TensorType(.f32, [3, 4, 6]))
      let y = try layer(x, 18, &random, &builder)
      let padded = try builder.emit(Pad(pads: pads.map { Dim($0) }, value: -1), y)
      builder.output("y", try layer(padded, 5, &random, &builder))
      try check(builder.graph, [random.tensor(.f32, [3, 4, 6])], kernels: 3)
    }
  }
}
