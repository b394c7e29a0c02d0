// SPDX-License-Identifier: Apache-2.0
// Graphs with regions and run-time sizes, with inputs at several named sizes: for the interpreter, the plan and the
// compiled code.

import GraphIR
import GraphOps
import TensorCore

package struct ControlGraph: Sendable, CustomStringConvertible {
  package let description: String
  package let graph: Graph
  /// Sets of inputs by name.
  package let inputs: [[String: Tensor]]

  package static func all() throws -> [ControlGraph] {
    [
      try loopUntilCondition(), try nestedLoops(), try branches(), try recurrences(), try selections(), try boxes(),
      try unchangedStates(), try unequalBranches(), try sizesAsNumbers(),
    ]
  }

  private static func tensor(_ random: inout SampleSource, _ shape: [Int], _ range: ClosedRange<Double> = -1...1) -> Tensor {
    random.tensor(.f32, shape, in: range)
  }

  private static func integer(_ value: Int64, _ dtype: DType = .i64) -> Tensor {
    Tensor(dtype, [], integers: [value]) ?? Constant().value.tensor
  }

  private static func row(_ n: Dim) -> TensorType { TensorType(.f32, [n]) }

  /// Grows a vector until its sum is large, stacking what it was, with the iteration's number and a captured value.
  private static func loopUntilCondition() throws -> ControlGraph {
    let n = Dim(symbol: "N")
    var body = GraphBuilder(name: "body", symbols: [Symbol("N", 1...40)])
    let number = body.input("i", TensorType(.i64, []))
    _ = body.input("cond", TensorType(.bool, []))
    let value = body.input("v", row(n))
    let step = body.input("step", row(n))
    let next = try body.emit(Add(), value, step)
    let sum = try body.emit(ReduceSum(axes: [0], keepDims: false), next)
    body.output("go", try body.emit(Less(), sum, try body.scalar(6, .f32)))
    body.output("v", next)
    body.output("seen", try body.emit(Mul(), value, try body.emit(Cast(to: .f32), number)))
    body.output("number", number)
    var graph = GraphBuilder(name: "until", symbols: [Symbol("N", 1...40)])
    let limit = graph.input("limit", TensorType(.i64, []))
    let start = graph.input("start", row(n))
    let step0 = graph.input("step", row(n))
    let yes = graph.input("go", TensorType(.bool, []))
    let count = graph.runtimeSize(near: "Loop", atMost: 9)
    let results = try graph.emitAny(LoopOperator(body.graph, carried: 1, count: count), [limit, yes, start, step0])
    graph.output("v", results[0])
    graph.output("seen", results[1])
    graph.output("numbers", results[2])
    // Something computed from a run-time size, and a value used on both sides of the loop.
    graph.output("total", try graph.emit(ReduceSum(axes: [0], keepDims: false), results[1]))
    graph.output("after", try graph.emit(Add(), results[0], try graph.emit(Relu(), step0)))
    var random = SampleSource(seed: 1)
    let inputs = [(9, 3, 1), (2, 17, 1), (0, 5, 1), (5, 1, 0), (9, 40, 1)].map { limit, n, go in
      [
        "limit": integer(Int64(limit)), "start": tensor(&random, [n]), "step": tensor(&random, [n], 0...1),
        "go": integer(Int64(go), .bool),
      ]
    }
    return ControlGraph(description: "loop until a condition", graph: graph.graph, inputs: inputs)
  }

  /// A Scan from the end whose body has a Loop with products of constants, over named sizes.
  private static func nestedLoops() throws -> ControlGraph {
    let symbols = [Symbol("T", 0...9), Symbol("N", 1...8)]
    let state = TensorType(.f32, [Dim(symbol: "N"), 5])
    var inner = GraphBuilder(name: "inner", symbols: symbols)
    _ = inner.input("i", TensorType(.i64, []))
    let go = inner.input("cond", TensorType(.bool, []))
    let s = inner.input("s", state)
    let w = inner.input("w", TensorType(.f32, [5, 5]))
    inner.output("cond", go)
    inner.output("s", try inner.emit(Tanh(), try inner.emit(MatMul(), s, w)))
    var outer = GraphBuilder(name: "outer", symbols: symbols)
    let h = outer.input("h", state)
    let x = outer.input("x", state)
    let weights = outer.input("w", TensorType(.f32, [5, 5]))
    let sum = try outer.emit(Add(), h, x)
    let turned = try outer.emitAny(LoopOperator(inner.graph, carried: 1, length: 3), [nil, nil, sum, weights])[0]
    outer.output("h", turned)
    outer.output("y", try outer.emit(Sub(), turned, h))
    // A loop that never runs.
    outer.output(
      "z", try outer.emitAny(LoopOperator(inner.graph, carried: 1, length: 0), [nil, nil, sum, weights])[0])
    var scan = Scan(outer.graph, carried: 1, inputs: 1)
    scan.inputDirections = [1]
    scan.outputAxes = [1, 0]
    var graph = GraphBuilder(name: "nested", symbols: symbols)
    let first = graph.input("h", state)
    let all = graph.input("x", TensorType(.f32, [Dim(symbol: "T"), Dim(symbol: "N"), 5]))
    var random = SampleSource(seed: 2)
    let matrix = try graph.constant(tensor(&random, [5, 5]))
    let results = try graph.emitAny(scan, [first, all, matrix])
    graph.output("h", results[0])
    graph.output("y", results[1])
    graph.output("z", results[2])
    let inputs = [(4, 3), (1, 1), (9, 8), (2, 7), (0, 2)].map { t, n in
      ["h": tensor(&random, [n, 5]), "x": tensor(&random, [t, n, 5])]
    }
    return ControlGraph(description: "nested loops", graph: graph.graph, inputs: inputs)
  }

  /// An If inside an If, whose branches share values with what is around them and hand some through.
  private static func branches() throws -> ControlGraph {
    let type = row(7)
    func region(_ name: String, _ body: (inout GraphBuilder, ValueID, ValueID) throws -> [ValueID]) throws -> Graph {
      var builder = GraphBuilder(name: name)
      let (a, b) = (builder.input("a", type), builder.input("b", type))
      for (number, value) in try body(&builder, a, b).enumerated() { builder.output("y\(number)", value) }
      return builder.graph
    }
    let deep = try region("deep") { builder, a, b in
      let isPositive = try builder.emit(
        Greater(), try builder.emit(ReduceSum(axes: [0], keepDims: false), a), try builder.scalar(0, .f32))
      let inner = If(
        then: try region("up") { builder, a, b in [try builder.emit(Exp(), a), b] },
        else: try region("down") { builder, a, b in [try builder.emit(Neg(), b), a] })
      return try builder.emitAny(inner, [isPositive, a, b])
    }
    let flat = try region("flat") { builder, a, b in [b, try builder.emit(Mul(), a, b)] }
    var graph = GraphBuilder(name: "branches")
    let condition = graph.input("c", TensorType(.bool, [1]))
    let (a, b) = (graph.input("a", type), graph.input("b", type))
    let double = try graph.emit(Add(), a, a)
    let results = try graph.emitAny(If(then: deep, else: flat), [condition, double, b])
    graph.output("first", results[0])
    graph.output("second", try graph.emit(Add(), results[1], double))
    var random = SampleSource(seed: 3)
    let inputs = [(1, 0.0...1), (1, -1.0 ... -0.5), (0, -1...1)].map { c, range in
      [
        "c": Tensor(.bool, [1], integers: [c]) ?? integer(0), "a": tensor(&random, [7], range),
        "b": tensor(&random, [7]),
      ]
    }
    return ControlGraph(description: "branches", graph: graph.graph, inputs: inputs)
  }

  /// An If whose branches give other sizes: of a named size, of a number, and of a size that a branch finds.
  private static func unequalBranches() throws -> ControlGraph {
    let n = Dim(symbol: "N")
    let symbols = [Symbol("N", 1...9)]
    func region(_ name: String, _ body: (inout GraphBuilder, ValueID) throws -> [ValueID]) throws -> Graph {
      var builder = GraphBuilder(name: name, symbols: symbols)
      let x = builder.input("x", TensorType(.f32, [n, 4]))
      for (number, value) in try body(&builder, x).enumerated() { builder.output("y\(number)", value) }
      return builder.graph
    }
    let then = try region("then") { builder, x in
      let mask = try builder.emit(Greater(), x, try builder.scalar(0, .f32))
      return [
        try builder.emit(Concat(axis: 0), x, x), try builder.emitSized(NonZero(), [mask])[0],
        try builder.emit(Exp(), x), x,
      ]
    }
    let otherwise = try region("else") { builder, x in
      [
        try builder.emit(Slice(axis: 1, from: 1, to: 3), try builder.emit(Neg(), x)),
        try builder.emit(ConstantOfShape([2, 5], 7, .i64)), x, try builder.emit(Slice(axis: 0, from: 1, to: n), x),
      ]
    }
    var graph = GraphBuilder(name: "unequal", symbols: symbols)
    let condition = graph.input("c", TensorType(.bool, []))
    let x = graph.input("x", TensorType(.f32, [n, 4]))
    let results = try graph.emitBranches(then: then, else: otherwise, [condition, x])
    for (number, result) in results.enumerated() { graph.output("y\(number)", result) }
    graph.output("sum", try graph.emit(ReduceSum(axes: [0, 1], keepDims: false), results[0]))
    var random = SampleSource(seed: 8)
    let inputs = [(1, 9), (0, 9), (1, 1), (0, 1), (0, 2)].map { c, n in
      ["c": integer(c, .bool), "x": tensor(&random, [n, 4])]
    }
    return ControlGraph(description: "unequal branches", graph: graph.graph, inputs: inputs)
  }

  /// LSTM and GRU over named sizes, with lengths and constant weights.
  private static func recurrences() throws -> ControlGraph {
    let (t, n) = (Dim(symbol: "T"), Dim(symbol: "N"))
    var graph = GraphBuilder(name: "recurrences", symbols: [Symbol("T", 1...12), Symbol("N", 1...6)])
    let x = graph.input("x", TensorType(.f32, [t, n, 4]))
    let lengths = graph.input("lengths", TensorType(.i32, [n]))
    var random = SampleSource(seed: 4)
    func weights(_ shape: [Int]) throws -> ValueID { try graph.constant(tensor(&random, shape, -0.5...0.5)) }
    var lstm = LSTM()
    lstm.recurrence.direction = "bidirectional"
    let first = try graph.emitAny(
      lstm, [x, weights([2, 12, 4]), weights([2, 12, 3]), weights([2, 24]), lengths, nil, nil, weights([2, 9])])
    let joined = try graph.emit(
      Reshape(exactly: [t, n, 6]), try graph.emit(Transpose(perm: [0, 2, 1, 3]), first[0]))
    var gru = GRU()
    gru.linearBeforeReset = true
    gru.recurrence.direction = "reverse"
    let second = try graph.emitAny(gru, [joined, weights([1, 15, 6]), weights([1, 15, 5]), weights([1, 30])])
    graph.output("all", second[0])
    graph.output("last", second[1])
    graph.output("c", first[2])
    let inputs = [(12, 6), (1, 1), (5, 3)].map { t, n in
      [
        "x": tensor(&random, [t, n, 4]),
        "lengths": Tensor(.i32, [n], integers: (0..<n).map { Int64(1 + $0 % t) }) ?? integer(1),
      ]
    }
    return ControlGraph(description: "recurrences", graph: graph.graph, inputs: inputs)
  }

  /// Run-time sizes that are read as numbers, where nothing else needs what they are sizes of.
  private static func sizesAsNumbers() throws -> ControlGraph {
    let n = Dim(symbol: "N")
    var graph = GraphBuilder(name: "numbers", symbols: [Symbol("N", 1...30)])
    let x = graph.input("x", TensorType(.f32, [n, 4]))
    let w = graph.input("w", TensorType(.f32, [4, 4]))
    /// How many elements are positive.
    func positives(of value: ValueID) throws -> (size: Dim, places: ValueID) {
      let size = graph.runtimeSize(near: "NonZero", atMost: graph.type(value).elementCount)
      let mask = try graph.emit(Greater(), value, try graph.scalar(0, .f32))
      return (size, try graph.emit(NonZero(count: size), mask))
    }
    graph.output("count", try graph.emit(Dimension(try positives(of: x).size, .i64)))
    graph.output("shape", try graph.emit(Shape(), try positives(of: try graph.emit(Neg(), x)).places))
    graph.output("zeros", try graph.emit(ConstantOfShape([try positives(of: w).size], 0, .f32)))
    // What reads a product, or sums, would be computed with them but for the size that follows from them.
    let product = try graph.emit(MatMul(), x, w)
    let inProduct = try graph.emit(Dimension(try positives(of: product).size, .f32))
    graph.output("scaled product", try graph.emit(Mul(), product, inProduct))
    let sums = try graph.emit(ReduceSum(axes: [1]), try graph.emit(Exp(), x))
    let centred = try graph.emit(Sub(), x, sums)
    let inCentred = try graph.emit(Dimension(try positives(of: try graph.emit(Abs(), sums)).size, .f32))
    graph.output("scaled sums", try graph.emit(Mul(), centred, inCentred))
    var random = SampleSource(seed: 6)
    let inputs = [1, 7, 30].map { ["x": tensor(&random, [$0, 4]), "w": tensor(&random, [4, 4])] }
    return ControlGraph(description: "sizes as numbers", graph: graph.graph, inputs: inputs)
  }

  /// Sizes that the values of inputs decide.
  private static func selections() throws -> ControlGraph {
    let n = Dim(symbol: "N")
    var graph = GraphBuilder(name: "selections", symbols: [Symbol("N", 1...30)])
    let mask = graph.input("mask", TensorType(.bool, [n, 3]))
    let numbers = graph.input("numbers", TensorType(.i64, [n]))
    let k = graph.input("k", TensorType(.i64, []))
    let x = graph.input("x", TensorType(.f32, [n, 3]))
    let found = graph.runtimeSize(near: "NonZero", atMost: 3 * n)
    let places = try graph.emit(NonZero(count: found), mask)
    graph.output("places", places)
    let picked = try graph.emit(GatherND(), x, try graph.emit(Transpose(perm: [1, 0]), places))
    graph.output("picked", picked)
    graph.output("sum", try graph.emit(ReduceSum(axes: [0], keepDims: false), picked))
    for sorted in [true, false] {
      let different = graph.runtimeSize(near: "Unique", atMost: n)
      let parts = try graph.emitAny(Unique(axis: nil, sorted: sorted, count: different), [numbers])
      for (number, part) in parts.enumerated() { graph.output("unique\(sorted)\(number)", part) }
    }
    let rows = graph.runtimeSize(near: "Unique", atMost: n)
    graph.output("rows", try graph.emitAny(Unique(axis: 0, sorted: true, count: rows), [mask])[0])
    let most = graph.runtimeSize(near: "TopK", atMost: n)
    _ = try graph.emit(RuntimeSize(most), k)
    let top = try graph.emitAny(TopK(most, axis: 0), [x])
    graph.output("top", top[0])
    graph.output("topPlaces", top[1])
    let kept = graph.runtimeSize(near: "Compress", atMost: n)
    let condition = try graph.emit(Greater(), numbers, try graph.scalar(2, .i64))
    graph.output("kept", try graph.emit(Compress(axis: 0, count: kept), x, condition))
    var random = SampleSource(seed: 5)
    let inputs = [(30, 7), (1, 1), (12, 0), (8, 8)].map { n, k in
      [
        "mask": random.tensor(.bool, [n, 3]), "numbers": random.tensor(.i64, [n], in: 0...6), "k": integer(Int64(k)),
        "x": tensor(&random, [n, 3]),
      ]
    }
    return ControlGraph(description: "selections", graph: graph.graph, inputs: inputs)
  }

  private static func boxes() throws -> ControlGraph {
    let n = Dim(symbol: "N")
    var graph = GraphBuilder(name: "boxes", symbols: [Symbol("N", 1...40)])
    let boxes = graph.input("boxes", TensorType(.f32, [2, n, 4]))
    let scores = graph.input("scores", TensorType(.f32, [2, 3, n]))
    var suppression = NonMaxSuppression()
    (suppression.limit, suppression.overlap, suppression.score) = (4, 0.3, 0.2)
    let rows = try graph.emitSized(suppression, [boxes, scores])[0]
    graph.output("rows", rows)
    graph.output("picked", try graph.emit(GatherND(), scores, rows))
    var random = SampleSource(seed: 6)
    let inputs = [40, 1, 9].map { n in
      ["boxes": tensor(&random, [2, n, 4], 0...1), "scores": tensor(&random, [2, 3, n], 0...1)]
    }
    return ControlGraph(description: "boxes", graph: graph.graph, inputs: inputs)
  }

  /// States that are handed on as they are, exchanged, or constant, and outputs that are inputs.
  private static func unchangedStates() throws -> ControlGraph {
    var body = GraphBuilder(name: "body")
    let (a, b, c) = (body.input("a", row(4)), body.input("b", row(4)), body.input("c", row(4)))
    let (x, w) = (body.input("x", row(4)), body.input("w", row(4)))
    body.output("a", b)
    body.output("b", a)
    body.output("c", c)
    body.output("x", x)
    body.output("w", w)
    body.output("sum", try body.emit(Add(), try body.emit(Add(), a, x), c))
    var graph = GraphBuilder(name: "unchanged")
    let names = ["a", "b", "c"]
    let states = names.map { graph.input($0, row(4)) }
    let all = graph.input("x", TensorType(.f32, [3, 4]))
    let w0 = graph.input("w", row(4))
    let results = try graph.emitAny(Scan(body.graph, carried: 3, inputs: 1), states + [all, w0])
    for (number, result) in results.enumerated() { graph.output("y\(number)", result) }
    var random = SampleSource(seed: 7)
    var inputs = ["x": tensor(&random, [3, 4]), "w": tensor(&random, [4])]
    for name in names { inputs[name] = tensor(&random, [4]) }
    return ControlGraph(description: "unchanged states", graph: graph.graph, inputs: [inputs])
  }
}
