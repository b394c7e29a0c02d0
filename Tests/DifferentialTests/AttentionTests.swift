// SPDX-License-Identifier: Apache-2.0
// Attention as one kernel: however it is written, it is found, it is one step, and it computes what its operators mean.

import GraphIR
import GraphInterpreter
import GraphLowering
import GraphOps
import GraphOptimizer
import GraphTestKit
import KernelIR
import Lamina
import LLVMBackend
import TensorCore
import Testing

/// One attention between random inputs.
struct AttentionCase: Sendable, CustomTestStringConvertible {
  enum Mask: Sendable, CaseIterable { case none, added, byKey, causal, infinite, everything }
  /// How queries, keys and values lie.
  enum Layout: Sendable, CaseIterable { case heads, turnedKeys, rows, grouped, flat }
  var batch = 1
  var heads = 2
  var queries: Int
  var keys: Int
  var depth = 8
  var width = 8
  var mask = Mask.none
  var layout = Layout.heads
  var dtype = DType.f32
  /// Whether the numbers of queries and keys are known only when it runs.
  var isNamed = false
  var softcap = 0.0

  var testDescription: String {
    "\(batch)x\(heads)x\(queries)x\(keys)x\(depth)x\(width) \(mask) \(layout) \(dtype)\(isNamed ? " named" : "")"
  }

  /// The graph, written out in small operators, and its inputs.
  func make(seed: UInt64) throws -> (graph: Graph, inputs: [Tensor]) {
    var random = SampleSource(seed: seed)
    let symbols = isNamed ? [Symbol("L", 1...5000), Symbol("S", 0...20000)] : []
    var builder = GraphBuilder(name: "attention", symbols: symbols)
    var inputs: [Tensor] = []
    func dims(_ shape: [Int], _ names: [Int: String]) -> [Dim] {
      shape.indices.map { axis in names[axis].flatMap { isNamed ? Dim(symbol: $0) : nil } ?? Dim(shape[axis]) }
    }
    func input(_ name: String, _ dtype: DType, _ shape: [Int], _ names: [Int: String]) -> ValueID {
      inputs.append(random.tensor(dtype, shape))
      return builder.input(name, TensorType(dtype, dims(shape, names)))
    }
    let groups = layout == .grouped ? heads / 2 : heads
    let (q, k, v): (ValueID, ValueID, ValueID)
    switch layout {
    case .heads, .grouped:
      q = input("q", dtype, [batch, heads, queries, depth], [2: "L"])
      let keyRows = input("k", dtype, [batch, groups, keys, depth], [2: "S"])
      k = try builder.emit(Transpose(perm: [0, 1, 3, 2]), keyRows)
      v = input("v", dtype, [batch, groups, keys, width], [2: "S"])
    case .turnedKeys:
      q = input("q", dtype, [batch, heads, queries, depth], [2: "L"])
      k = input("k", dtype, [batch, heads, depth, keys], [3: "S"])
      // Values with columns outermost.
      v = try builder.emit(
        Transpose(perm: [0, 1, 3, 2]), input("v", dtype, [batch, heads, width, keys], [3: "S"]))
    case .rows, .flat:
      q = try builder.emit(
        Transpose(perm: [0, 2, 1, 3]), input("q", dtype, [batch, queries, heads, depth], [1: "L"]))
      k = try builder.emit(
        Transpose(perm: [0, 2, 3, 1]), input("k", dtype, [batch, keys, heads, depth], [1: "S"]))
      v = try builder.emit(
        Transpose(perm: [0, 2, 1, 3]), input("v", dtype, [batch, keys, heads, width], [1: "S"]))
    }
    func product(_ a: ValueID, _ b: ValueID) throws -> ValueID {
      let (x, y) = (builder.type(a).shape, builder.type(b).shape)
      let result = [x[0], x[1], x[2], y[3]]
      switch layout {
      case .grouped:
        let split = try builder.emit(Reshape(exactly: [x[0], Dim(groups), 2, x[2], x[3]]), a)
        let wide = try builder.emit(Reshape(exactly: [y[0], Dim(groups), 1, y[2], y[3]]), b)
        return try builder.emit(Reshape(exactly: result), builder.emit(MatMul(), split, wide))
      case .flat:
        let left = try builder.emit(Reshape(exactly: [x[0] * x[1], x[2], x[3]]), a)
        let right = try builder.emit(Reshape(exactly: [y[0] * y[1], y[2], y[3]]), b)
        return try builder.emit(Reshape(exactly: result), builder.emit(MatMul(), left, right))
      default: return try builder.emit(MatMul(), a, b)
      }
    }
    var scores = try builder.emit(Div(), product(q, k), builder.scalar(Double(depth).squareRoot(), dtype))
    if softcap > 0 {
      scores = try builder.emit(Div(), scores, builder.scalar(softcap, dtype))
      scores = try builder.emit(Mul(), builder.emit(Tanh(), scores), builder.scalar(softcap, dtype))
    }
    switch mask {
    case .none: break
    case .added:
      scores = try builder.emit(Add(), scores, input("mask", dtype, [1, heads, queries, keys], [2: "L", 3: "S"]))
    case .byKey:
      scores = try builder.emit(Add(), scores, input("mask", dtype, [batch, 1, 1, keys], [3: "S"]))
    case .causal:
      let (rows, columns) = (builder.type(scores).shape[2], builder.type(scores).shape[3])
      let keyPlaces = try builder.emit(NumberRange(count: columns, .i64))
      let places = try builder.emit(NumberRange(count: rows, .i64))
      let column = try builder.emit(Reshape(exactly: [rows, 1]), places)
      let isPast = try builder.emit(LessOrEqual(), keyPlaces, column)
      scores = try builder.emit(Where(), isPast, scores, builder.scalar(-.infinity, dtype))
    case .infinite, .everything:
      // The first keys are out of sight, so that the first blocks have nothing, or all keys of some queries are.
      var hidden = [Double](repeating: 0, count: queries * keys)
      for row in 0..<queries {
        let count = mask == .everything && row % 2 == 0 ? keys : keys - (keys + 2) / 3
        for key in 0..<count { hidden[row * keys + key] = -.infinity }
      }
      inputs.append(try #require(Reference(dtype, [queries, keys], reals: hidden).tensor))
      let type = TensorType(dtype, dims([queries, keys], [0: "L", 1: "S"]))
      scores = try builder.emit(Add(), scores, builder.input("mask", type))
    }
    let y = try product(builder.emit(Softmax(), scores), v)
    builder.output("y", try builder.emit(Transpose(perm: [0, 2, 1, 3]), y))
    return (builder.graph, inputs)
  }
}

extension CompiledModel {
  fileprivate var hasAttention: Bool { lowered.kernels.contains { $0.name.hasPrefix("attention") } }
}

@Suite struct AttentionTests {
  static let targets: [TargetDescription] =
    [.native] + ["x86-64-v3", "x86-64-v2"].compactMap { try? TargetDescription.host($0) }

  static let cases: [AttentionCase] = {
    var cases = [
      AttentionCase(queries: 1, keys: 1), AttentionCase(queries: 1, keys: 37, mask: .byKey),
      AttentionCase(queries: 1, keys: 9000, depth: 5, width: 3), AttentionCase(queries: 2, keys: 3),
      AttentionCase(queries: 100, keys: 700, mask: .causal), AttentionCase(queries: 70, keys: 513, mask: .infinite),
      AttentionCase(batch: 2, heads: 3, queries: 33, keys: 65, depth: 19, width: 35, mask: .added),
      AttentionCase(heads: 1, queries: 40, keys: 600, mask: .everything),
      AttentionCase(heads: 1, queries: 1, keys: 8195, mask: .everything),
      AttentionCase(queries: 20, keys: 30, mask: .byKey, softcap: 2),
      AttentionCase(queries: 9, keys: 40, depth: 1, width: 16),
    ]
    for layout in AttentionCase.Layout.allCases {
      for (index, mask) in AttentionCase.Mask.allCases.enumerated() {
        cases.append(
          AttentionCase(
            batch: 1 + index % 2, heads: 4, queries: [1, 5, 17, 64, 3, 130][index],
            keys: [40, 17, 520, 64, 600, 3][index], depth: 4 + 3 * index, width: 16, mask: mask, layout: layout,
            dtype: index == 4 ? .f64 : .f32))
        cases.append(
          AttentionCase(
            batch: 2, heads: 2, queries: [5, 1, 70, 33, 16, 2][index], keys: [300, 40, 3, 257, 600, 20][index],
            mask: mask, layout: layout, isNamed: true))
      }
    }
    return cases
  }()

  @Test(arguments: cases) func isOneKernelThatEqualsItsOperators(_ attention: AttentionCase) throws {
    let (graph, inputs) = try attention.make(seed: 7)
    let named = Dictionary(uniqueKeysWithValues: zip(graph.inputs.map { graph[$0].name ?? "" }, inputs))
    let expected = try interpret(graph, references: named.mapValues { Reference($0) })
    for target in Self.targets {
      let model = try CompiledModel(graph, CompileOptions(target: target, jobs: 1))
      // Without a second key there is no softmax.
      #expect(model.hasAttention == (attention.keys > 1), "\(model.lowered.kernels.map(\.name))")
      let outputs = try model.run(inputs, threads: 1)
      let (y, value) = (Reference(outputs[0]), try #require(expected["y"]))
      #expect(y.shape == value.shape)
      let wrong = zip(y.reals, value.reals).filter { found, wanted in
        found.isNaN != wanted.isNaN || abs(found - wanted) > 1e-5 * (1 + abs(wanted))
      }
      #expect(wrong.isEmpty, "\(target.name): \(wrong.count) of \(y.count), \(wrong.first.map { "\($0)" } ?? "")")
      for threads in [2, 3] {
        #expect(try model.run(inputs, threads: threads)[0].isIdentical(to: outputs[0]), "\(threads) threads")
      }
    }
  }

  /// Values whose columns are apart in memory, and constants, are products of their own.
  @Test(arguments: ["bqk,bkd->bqd", "bqk,bdk->bqd", "constant"]) func otherValuesAreRight(_ form: String) throws {
    var random = SampleSource(seed: 11)
    var builder = GraphBuilder(name: "values")
    let q = builder.input("q", TensorType(.f32, [2, 20, 8]))
    let k = builder.input("k", TensorType(.f32, [2, 30, 8]))
    let scores = try builder.emit(Einsum("bqd,bkd->bqk"), q, k)
    let weights = try builder.emit(Softmax(), scores)
    let shape = form == "bqk,bdk->bqd" ? [2, 6, 30] : [2, 30, 6]
    let values = random.tensor(.f32, shape)
    let v =
      form == "constant" ? try builder.constant(values) : builder.input("v", TensorType(.f32, shape.map { Dim($0) }))
    let y =
      form == "constant"
      ? try builder.emit(MatMul(), weights, v) : try builder.emit(Einsum(form), weights, v)
    builder.output("y", y)
    var inputs = [random.tensor(.f32, [2, 20, 8]), random.tensor(.f32, [2, 30, 8])]
    if form != "constant" { inputs.append(values) }
    let model = try CompiledModel(builder.graph, CompileOptions(jobs: 1))
    #expect(model.hasAttention == (form == "bqk,bkd->bqd"))
    let named = Dictionary(uniqueKeysWithValues: zip(["q", "k", "v"], inputs.map { Reference($0) }))
    let expected = try interpret(builder.graph, references: named)
    #expect(distance(Reference(try model.run(inputs)[0]), try #require(expected["y"])) < 1e-5)
  }

  @Test func noKeysGiveZeros() throws {
    let (graph, _) = try AttentionCase(queries: 3, keys: 4, isNamed: true).make(seed: 1)
    let model = try CompiledModel(graph, CompileOptions(jobs: 1))
    func zeros(_ shape: [Int]) throws -> Tensor { try #require(Reference(zeros: .f32, shape).tensor) }
    let outputs = try model.run([zeros([1, 2, 3, 8]), zeros([1, 2, 0, 8]), zeros([1, 2, 0, 8])])
    #expect(Reference(outputs[0]).reals == [Double](repeating: 0, count: 48))
  }

  @Test func scoresThatAreNeededElsewhereAreStored() throws {
    var random = SampleSource(seed: 3)
    for needed in 0..<3 {
      var builder = GraphBuilder(name: "needed")
      let q = builder.input("q", TensorType(.f32, [2, 20, 8]))
      let k = builder.input("k", TensorType(.f32, [2, 8, 30]))
      let v = builder.input("v", TensorType(.f32, [2, 30, 8]))
      let product = try builder.emit(MatMul(), q, k)
      let scores = try builder.emit(Mul(), product, builder.scalar(0.5, .f32))
      let weights = try builder.emit(Softmax(), scores)
      builder.output("y", try builder.emit(MatMul(), weights, v))
      builder.output("needed", [product, scores, weights][needed])
      let inputs = [random.tensor(.f32, [2, 20, 8]), random.tensor(.f32, [2, 8, 30]), random.tensor(.f32, [2, 30, 8])]
      let model = try CompiledModel(builder.graph, CompileOptions(jobs: 1))
      #expect(!model.hasAttention)
      let named = Dictionary(uniqueKeysWithValues: zip(["q", "k", "v"], inputs.map { Reference($0) }))
      let expected = try interpret(builder.graph, references: named)
      for (name, output) in zip(["y", "needed"], try model.run(inputs)) {
        #expect(distance(Reference(output), try #require(expected[name])) < 1e-5)
      }
    }
  }
}
