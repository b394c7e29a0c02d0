// SPDX-License-Identifier: Apache-2.0
// A region that runs for each slice of its inputs, handing states from one to the next.

import GraphIR
import TensorCore

/// ONNX's Scan since opset 9. Operands are the initial states, the scanned inputs, and captured values; the region takes
/// the states, one slice of each input and the captured values, and gives the states and one slice of each output.
package struct Scan: Operation {
  package static let name = "Scan"
  package static let summary = "Final states, and outputs stacked over the slices of the scanned inputs."
  package static let operands = [Slot("values", .variadic)]
  package static let results = [Slot("outputs", .variadic)]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("body", \.body, "what runs for each slice"),
      Attribute("carried", \.carried, "the number of states"),
      Attribute("num_scan_inputs", \.inputCount, "the number of scanned inputs; captured values follow them"),
      Attribute("scan_input_axes", \.inputAxes, "the axis each input is sliced along; 0 where the list ends"),
      Attribute("scan_input_directions", \.inputDirections, "1 for each input that is read from its end"),
      Attribute("scan_output_axes", \.outputAxes, "the axis each output is stacked along; 0 where the list ends"),
      Attribute("scan_output_directions", \.outputDirections, "1 for each output that is written from its end"),
    ]
  }
  package var body = SharedGraph.empty
  package var carried = 0
  package var inputCount = 1
  package var inputAxes: [Int] = []
  package var inputDirections: [Int] = []
  package var outputAxes: [Int] = []
  package var outputDirections: [Int] = []
  package init() {}
  package init(_ body: Graph, carried: Int, inputs: Int) {
    self.body = SharedGraph(body)
    self.carried = carried
    inputCount = inputs
  }

  package var resultCount: Int { body.graph.outputs.count }

  /// The scanned axis of an input, and whether it is read from its end.
  func input(_ number: Int, rank: Int) throws(TypeError) -> (axis: Int, isReversed: Bool) {
    (try normalized(number < inputAxes.count ? inputAxes[number] : 0, rank: rank, for: Self.name),
      number < inputDirections.count && inputDirections[number] == 1)
  }

  /// The same of an output, whose rank counts the stacked axis.
  func output(_ number: Int, rank: Int) throws(TypeError) -> (axis: Int, isReversed: Bool) {
    (try normalized(number < outputAxes.count ? outputAxes[number] : 0, rank: rank, for: Self.name),
      number < outputDirections.count && outputDirections[number] == 1)
  }

  /// The number of slices.
  private func length(_ operands: [TensorType?]) throws(TypeError) -> Dim {
    var length: Dim?
    for number in 0..<inputCount {
      guard let type = operands[carried + number] else { throw TypeError("an operand of 'Scan' is missing") }
      let size = type.shape[try input(number, rank: type.rank).axis]
      if let length, length != size {
        throw TypeError("the inputs of 'Scan' have \(length) and \(size) slices", operand: carried + number)
      }
      length = size
    }
    guard let length else { throw TypeError("'Scan' needs an input to scan") }
    return length
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let graph = body.graph
    guard carried >= 0, inputCount >= 1, operands.count - carried >= inputCount, graph.outputs.count >= carried else {
      throw TypeError(
        "'Scan' has \(carried) states and \(inputCount) inputs, found \(operands.count) operands and "
          + "\(graph.outputs.count) outputs of its region")
    }
    let lists = [
      ("scan_input_axes", inputAxes, inputCount), ("scan_input_directions", inputDirections, inputCount),
      ("scan_output_axes", outputAxes, graph.outputs.count - carried),
      ("scan_output_directions", outputDirections, graph.outputs.count - carried),
    ]
    for (name, list, count) in lists where list.count > count {
      throw TypeError("'\(name)' of 'Scan' has \(list.count) entries, expected \(count)")
    }
    for direction in inputDirections + outputDirections where direction != 0 && direction != 1 {
      throw TypeError("a direction of 'Scan' is \(direction), expected 0 or 1")
    }
    let length = try length(operands)
    var given = try present(operands, for: Self.name)
    for number in 0..<inputCount {
      let type = given[carried + number]
      given[carried + number].shape.remove(at: try input(number, rank: type.rank).axis)
    }
    try checkInputs(graph, given, of: Self.name)
    var results = graph.outputTypes
    for number in 0..<carried where results[number] != given[number] {
      throw TypeError("state \(number) of 'Scan' is \(given[number]) before a slice and \(results[number]) after it")
    }
    for number in 0..<results.count - carried {
      let type = results[carried + number]
      results[carried + number].shape.insert(length, at: try output(number, rank: type.rank + 1).axis)
    }
    return results
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let graph = body.graph
    let values = operands.compactMap { $0 }
    _ = try inferTypes(values.map(\.type))
    let steps = try staticSizes([length(values.map(\.type))], for: Self.name)[0]
    var states = Array(values.prefix(carried))
    var stacked = [[Reference]](repeating: [], count: graph.outputs.count - carried)
    for step in 0..<steps {
      var given = states
      for number in 0..<inputCount {
        let value = values[carried + number]
        let (axis, isReversed) = try input(number, rank: value.shape.count)
        given.append(value.slice(isReversed ? steps - 1 - step : step, along: axis))
      }
      let results = try graph.evaluate(given + values[(carried + inputCount)...])
      states = Array(results.prefix(carried))
      for (number, slice) in results.dropFirst(carried).enumerated() { stacked[number].append(slice) }
    }
    for (number, slices) in stacked.enumerated() {
      let type = graph.outputTypes[carried + number]
      let (axis, isReversed) = try output(number, rank: type.rank + 1)
      let shape = if let first = slices.first { first.shape } else { try staticSizes(type.shape, for: Self.name) }
      states.append(Reference.stack(isReversed ? slices.reversed() : slices, along: axis, type.dtype, shape))
    }
    return states
  }

  /// Whether every axis is the first, so that slices are pieces of memory.
  private var isContiguous: Bool { (inputAxes + outputAxes).allSatisfy { $0 == 0 } }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard isContiguous else { return .decompose { (builder, operands) throws(TypeError) in try contiguous(&builder, operands) } }
    guard let length = try? length(types.operands) else { return .leaf }
    let captures = types.operands.count - carried - inputCount
    let inputs: [LoopControl.Input] =
      (0..<carried).map { .state($0, initial: $0) }
      + (0..<inputCount).map {
        .slice(operand: carried + $0, isReversed: $0 < inputDirections.count && inputDirections[$0] == 1)
      } + (0..<captures).map { .whole(operand: carried + inputCount + $0) }
    let outputs: [LoopControl.Output] =
      (0..<carried).map { .state($0, result: $0) }
      + (0..<body.graph.outputs.count - carried).map {
        .slice(result: carried + $0, isReversed: $0 < outputDirections.count && outputDirections[$0] == 1)
      }
    return .control(.loop(LoopControl(body: body.graph, inputs: inputs, outputs: outputs, trips: .exactly(length))))
  }

  /// The same over first axes: other axes are moved before and after.
  private func contiguous(_ builder: inout GraphBuilder, _ operands: [ValueID?]) throws(TypeError) -> [ValueID] {
    var (moved, plain) = (operands, self)
    (plain.inputAxes, plain.outputAxes) = ([], [])
    for number in 0..<inputCount {
      guard let operand = operands[carried + number] else { continue }
      let rank = builder.type(operand).rank
      let axis = try input(number, rank: rank).axis
      if axis == 0 { continue }
      moved[carried + number] = try builder.emit(
        Transpose(perm: [axis] + (0..<rank).filter { $0 != axis }), operand)
    }
    var results = try builder.emitAny(plain, moved)
    for number in 0..<results.count - carried {
      let rank = builder.type(results[carried + number]).rank
      let axis = try output(number, rank: rank).axis
      if axis == 0 { continue }
      var permutation = Array(1..<rank)
      permutation.insert(0, at: axis)
      results[carried + number] = try builder.emit(Transpose(perm: permutation), results[carried + number])
    }
    return results
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard isContiguous else { throw TypeError("'Scan' along other axes than the first has a gradient in its parts") }
    return try scanGradient(&context)
  }

  package static var rules: [Rule] {
    [
      constantsMoveInto(Scan.self, from: { scan in scan.carried + scan.inputCount }) {
        scan, builder, captures throws(TypeError) in
        var moved = scan
        moved.body = SharedGraph(
          try withConstants(scan.body.graph, builder, captures, from: scan.carried + scan.inputCount))
        return moved
      }
    ]
  }

  /// A first-order recurrence over a random axis and direction: `s = s · w + x`, stacked products beside it.
  package static func sample(_ random: inout SampleSource) -> Sample {
    let dtype = random.dtype([.f32, .f64])
    let slice = random.shape(minRank: 0, maxRank: 2)
    let type = TensorType(dtype, slice.map { Dim($0) })
    var builder = GraphBuilder(name: "body")
    let (state, x, w) = (builder.input("s", type), builder.input("x", type), builder.input("w", type))
    if let product = try? builder.emit(Mul(), state, w), let next = try? builder.emit(Add(), product, x) {
      builder.output("s", next)
      builder.output("y", next)
      builder.output("z", product)
    }
    var scan = Scan(builder.graph, carried: 1, inputs: 1)
    scan.inputAxes = [random.int(0...slice.count)]
    scan.inputDirections = [random.int(0...1)]
    scan.outputAxes = [random.int(0...slice.count), random.int(-1 - slice.count...slice.count)]
    scan.outputDirections = [random.int(0...1), random.int(0...1)]
    var whole = slice
    whole.insert(random.int(1...6), at: scan.inputAxes[0])
    return Sample(
      scan, [type, TensorType(dtype, whole.map { Dim($0) }), type], ranges: [0: -1...1, 1: -1...1, 2: -1...1])
  }
}
