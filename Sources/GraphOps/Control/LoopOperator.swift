// SPDX-License-Identifier: Apache-2.0
// A region that runs again and again, a number of times or while a condition holds.

import GraphIR
import TensorCore

/// ONNX's Loop (the type is named apart from a kernel's). The region takes the iteration's number, the condition, the carried values and the captured ones; it
/// gives the condition, the carried values, and one slice of each stacked result.
package struct LoopOperator: Operation {
  package static let name = "Loop"
  package static let summary =
    "Carried values after a region ran at most `M` times and while `cond` held, and what each iteration gave, stacked."
  package static let operands = [Slot("M", .optional), Slot("cond", .optional), Slot("values", .variadic)]
  package static let results = [Slot("outputs", .variadic)]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("body", \.body, "what runs in each iteration"),
      Attribute("carried", \.carried, "how many values each iteration hands to the next; captured ones follow them"),
      Attribute("length", \.length, "the number of iterations, when it is known; the condition then never fails"),
      Attribute("count", \.count, "the run-time size that the number of iterations is, when it is not known"),
    ]
  }
  package var body = SharedGraph.empty
  package var carried = 0
  package var length: Dim?
  package var count: Dim?
  package init() {}
  package init(_ body: Graph, carried: Int, length: Dim? = nil, count: Dim? = nil) {
    self.body = SharedGraph(body)
    self.carried = carried
    self.length = length
    self.count = count
  }

  package var resultCount: Int { max(0, body.graph.outputs.count - 1) }
  package var definedSizes: [Dim] { count.map { [$0] } ?? [] }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let graph = body.graph
    guard carried >= 0, operands.count - 2 >= carried, graph.outputs.count - 1 >= carried else {
      throw TypeError(
        "'Loop' carries \(carried) values, found \(max(0, operands.count - 2)) operands and "
          + "\(max(0, graph.outputs.count - 1)) outputs of its region")
    }
    try checkScalar(operands[0], .i64, "the trip count", of: Self.name)
    try checkScalar(operands[1], .bool, "the condition", of: Self.name)
    if length != nil, operands[0] != nil || operands[1] != nil || count != nil {
      throw TypeError("'Loop' with a known 'length' takes no trip count, condition or 'count'")
    }
    let values = try present(operands.dropFirst(2), for: Self.name)
    try checkInputs(graph, [TensorType(.i64, []), TensorType(.bool, [])] + values, of: Self.name)
    let outputs = graph.outputTypes
    try checkScalar(outputs[0], .bool, "the condition that the region gives", of: Self.name)
    for (number, (found, given)) in zip(outputs[1...], values.prefix(carried)).enumerated() where found != given {
      throw TypeError("value \(number) carried by 'Loop' is \(given) before an iteration and \(found) after it")
    }
    let stacked = outputs.dropFirst(1 + carried)
    if stacked.isEmpty { return Array(outputs[1...]) }
    guard let size = length ?? count else {
      throw TypeError(
        "'Loop' stacks \(stacked.count) results whose size is not known",
        note: "the number of iterations needs a bound: a constant trip count, or a named size")
    }
    return outputs[1...].prefix(carried) + stacked.map { TensorType($0.dtype, [size] + $0.shape) }
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let graph = body.graph
    guard carried >= 0, operands.count - 2 >= carried, graph.outputs.count - 1 >= carried else {
      throw TypeError("'Loop' needs its operands")
    }
    var values = operands.dropFirst(2).prefix(carried).compactMap { $0 }
    let captures = operands.dropFirst(2 + carried).compactMap { $0 }
    var limit = operands[0]?.integers.first ?? .max
    if let length { limit = Int64(try staticSizes([length], for: Self.name)[0]) }
    if length == nil && operands[0] == nil && operands[1] == nil {
      throw TypeError("'Loop' has neither a trip count nor a condition")
    }
    var condition = operands[1].map { $0.double(0) != 0 } ?? true
    var stacked = [[Reference]](repeating: [], count: graph.outputs.count - 1 - carried)
    var iteration: Int64 = 0
    while iteration < limit && condition {
      let head = [
        Reference(.i64, [], integers: [iteration]), Reference(.bool, [], integers: [condition ? 1 : 0]),
      ]
      let results = try graph.evaluate(head + values + captures)
      if length == nil { condition = results[0].double(0) != 0 }
      values = Array(results[1...].prefix(carried))
      for (number, slice) in results.dropFirst(1 + carried).enumerated() { stacked[number].append(slice) }
      iteration += 1
      guard iteration < Self.iterationLimit else { throw TypeError("'Loop' does not end") }
    }
    var outputs = values
    for (number, slices) in stacked.enumerated() {
      let type = graph.outputTypes[1 + carried + number]
      // Without an iteration the slices' sizes must be known from the region alone.
      let shape = if let first = slices.first { first.shape } else { try staticSizes(type.shape, for: Self.name) }
      outputs.append(Reference.stack(slices, along: 0, type.dtype, shape))
    }
    return outputs
  }

  /// Iterations after which the reference meaning gives up.
  private static let iterationLimit: Int64 = 1 << 32

  package func lower(_ types: NodeTypes) -> Lowering {
    let captures = max(0, types.operands.count - 2 - carried)
    let inputs: [LoopControl.Input] =
      [.counter, .condition] + (0..<carried).map { .state($0, initial: 2 + $0) }
      + (0..<captures).map { .whole(operand: 2 + carried + $0) }
    let stacked = max(0, body.graph.outputs.count - 1 - carried)
    let outputs: [LoopControl.Output] =
      [length == nil ? .condition : .unused] + (0..<carried).map { .state($0, result: $0) }
      + (0..<stacked).map { .slice(result: carried + $0, isReversed: false) }
    let trips: LoopControl.Trips =
      length.map { .exactly($0) }
      ?? .until(
        limit: types.operands[0] == nil ? nil : 0, condition: types.operands[1] == nil ? nil : 1, size: count)
    return .control(.loop(LoopControl(body: body.graph, inputs: inputs, outputs: outputs, trips: trips)))
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let length else {
      throw TypeError(
        "'Loop' has no gradient when the number of iterations is found while the model runs",
        note: "with a constant trip count and no condition it has one")
    }
    return try scanGradient(ofLoop: length, &context)
  }

  package static var rules: [Rule] {
    [
      constantsMoveInto(LoopOperator.self, from: { loop in 2 + loop.carried }) { loop, builder, captures throws(TypeError) in
        var moved = loop
        moved.body = SharedGraph(try withConstants(loop.body.graph, builder, captures, from: 2 + loop.carried))
        return moved
      }
    ]
  }

  /// Carries a running sum and stacks it, for a known number of iterations.
  package static func sample(_ random: inout SampleSource) -> Sample {
    let type = TensorType(random.dtype([.f32, .f64]), random.shape(maxRank: 2).map { Dim($0) })
    var builder = GraphBuilder(name: "body")
    _ = builder.input("i", TensorType(.i64, []))
    let condition = builder.input("cond", TensorType(.bool, []))
    let sum = builder.input("sum", type)
    let step = builder.input("step", type)
    builder.output("cond", condition)
    if let next = try? builder.emit(Add(), sum, step), let shown = try? builder.emit(Mul(), next, step) {
      builder.output("sum", next)
      builder.output("shown", shown)
    }
    return Sample(LoopOperator(builder.graph, carried: 1, length: Dim(random.int(0...5))), [nil, nil, type, type])
  }
}
