// SPDX-License-Identifier: Apache-2.0
// The gradient of Scan: a Scan from the last slice to the first over the states that each slice started from.

import GraphIR
import TensorCore

extension Scan {
  /// For each operand the gradient with respect to it, over first axes.
  func scanGradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    let region = body.graph
    let operands = context.operands.compactMap { $0 }
    let (states, inputs) = (0..<carried, carried..<carried + inputCount)
    let captures = carried + inputCount..<operands.count
    func isFloat(_ operand: Int) -> Bool { context.type(operands[operand]).dtype.isFloat }
    let starts = try startingStates(&context)
    let derived = try context.differentiate(region)

    var builder = GraphBuilder(name: "\(region.name)/gradient", symbols: region.symbols)
    let outerSymbols = context.builder.graph.symbols
    for symbol in outerSymbols where !builder.graph.symbols.contains(where: { $0.name == symbol.name }) {
      builder.declare(symbol)
    }
    // The region: gradients of the states and sums for the captures go from slice to slice.
    let types = region.inputTypes
    let outputTypes = region.outputTypes
    let stateSeeds = states.filter(isFloat).map { builder.input("ds\($0)", types[$0]) }
    let captureSums = captures.filter(isFloat).map { builder.input("dc\($0)", types[$0]) }
    var reversed = Scan()
    var scanned: [ValueID] = []
    var given: [ValueID] = []
    for state in states {
      given.append(builder.input("s\(state)", types[state]))
      scanned.append(starts[state].history)
      reversed.inputDirections.append(starts[state].isReversed ? 0 : 1)
    }
    for input in inputs {
      given.append(builder.input("x\(input)", types[input]))
      scanned.append(operands[input])
      reversed.inputDirections.append(isReversed(input: input - carried) ? 0 : 1)
    }
    var seeds = stateSeeds
    for output in carried..<region.outputs.count where outputTypes[output].dtype.isFloat {
      guard let seed = context.seeds[output] else {
        let type = outputTypes[output]
        seeds.append(try builder.emit(ConstantOfShape(type.shape, 0, type.dtype)))
        continue
      }
      seeds.append(builder.input("dy\(output)", outputTypes[output]))
      scanned.append(seed)
      reversed.inputDirections.append(isReversed(output: output - carried) ? 0 : 1)
    }
    given += captures.map { builder.input("c\($0)", types[$0]) }

    var gradients = try builder.inline(derived, given + seeds)[...]
    var found: [Int: ValueID] = [:]
    for operand in operands.indices where isFloat(operand) { found[operand] = gradients.popFirst() }
    for state in states { if let value = found[state] { builder.output("ds\(state)", value) } }
    for (capture, sum) in zip(captures.filter(isFloat), captureSums) {
      guard let value = found[capture] else { continue }
      builder.output("dc\(capture)", try builder.emit(Add(), sum, value))
    }
    for input in inputs {
      guard let value = found[input] else { continue }
      builder.output("dx\(input)", value)
      reversed.outputDirections.append(isReversed(input: input - carried) ? 0 : 1)
    }
    reversed.body = SharedGraph(builder.graph)
    reversed.carried = stateSeeds.count + captureSums.count
    reversed.inputCount = scanned.count

    var initial: [ValueID] = []
    for state in states.filter(isFloat) {
      let zero = context.seeds[state] == nil ? try context.filled(0, like: operands[state]) : nil
      if let seed = context.seeds[state] ?? zero { initial.append(seed) }
    }
    for capture in captures.filter(isFloat) { initial.append(try context.filled(0, like: operands[capture])) }
    var results = try context.builder.emitAny(reversed, initial + scanned + captures.map { operands[$0] })[...]
    // In the order of the outputs above: states, captures, inputs.
    var answer = [ValueID?](repeating: nil, count: operands.count)
    for operand in Array(states) + Array(captures) + Array(inputs) where isFloat(operand) {
      answer[operand] = results.popFirst()
    }
    return answer
  }

  private func isReversed(input number: Int) -> Bool {
    number < inputDirections.count && inputDirections[number] == 1
  }

  private func isReversed(output number: Int) -> Bool {
    number < outputDirections.count && outputDirections[number] == 1
  }

  /// For each state its values before each slice, stacked in the order of the slices or from the last to the first.
  private func startingStates(
    _ context: inout GradientContext
  ) throws(TypeError) -> [(history: ValueID, isReversed: Bool)] {
    let region = body.graph
    var histories: [(history: ValueID, isReversed: Bool)] = []
    for state in 0..<carried {
      // A state that is an output too is known after each slice; before it, it is that of the slice before.
      guard
        let output = (carried..<region.outputs.count).first(where: {
          region.outputs[$0].value == region.outputs[state].value
        }), let first = context.operands[state]
      else { return try statesByRunningAgain(&context) }
      let whole = context.results[output]
      let shape = context.type(whole).shape
      let start = try context.emit(Reshape(exactly: [1] + shape.dropFirst()), first)
      let isReversed = isReversed(output: output - carried)
      let rest = try context.emit(
        isReversed ? Slice(axis: 0, from: 1, to: shape[0]) : Slice(axis: 0, from: 0, to: shape[0] - 1), whole)
      let parts = isReversed ? [rest, start] : [start, rest]
      var history = try context.builder.emitAny(Concat(axis: 0), parts)[0]
      // Without a slice there is nothing to start from either.
      if shape[0] == 0 { history = whole }
      histories.append((history, isReversed))
    }
    return histories
  }

  /// The states from a second run that stacks what each slice starts from.
  private func statesByRunningAgain(
    _ context: inout GradientContext
  ) throws(TypeError) -> [(history: ValueID, isReversed: Bool)] {
    var builder = GraphBuilder(body.graph)
    for (number, state) in body.graph.inputs.prefix(carried).enumerated() { builder.output("start\(number)", state) }
    var again = self
    again.body = SharedGraph(builder.graph)
    let results = try context.builder.emitAny(again, context.operands)
    return results.suffix(carried).map { ($0, false) }
  }
}

extension LoopOperator {
  /// The gradient of a loop with a known number of iterations, as of a Scan over their numbers.
  func scanGradient(ofLoop length: Dim, _ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    let region = body.graph
    var builder = GraphBuilder(name: region.name, symbols: region.symbols)
    let types = region.inputTypes
    let states = (0..<carried).map { builder.input("s\($0)", types[2 + $0]) }
    let counter = builder.input("i", types[0])
    let captures = (2 + carried..<types.count).map { builder.input("c\($0)", types[$0]) }
    guard let yes = Tensor(.bool, [], integers: [1]) else { throw TypeError("out of memory") }
    let condition = try builder.constant(yes)
    let outputs = try builder.inline(region, [counter, condition] + states + captures)
    for (number, output) in outputs.dropFirst().enumerated() { builder.output("y\(number)", output) }
    let scan = Scan(builder.graph, carried: carried, inputs: 1)
    let values = context.operands.dropFirst(2)
    let numbers = try context.emit(NumberRange(count: length, .i64))
    var inner = GradientContext(
      builder: context.builder, operands: values.prefix(carried) + [numbers] + values.dropFirst(carried),
      results: context.results, seeds: context.seeds, differentiate: context.differentiate)
    var gradients = try scan.scanGradient(&inner)
    context.builder = inner.builder
    gradients.remove(at: carried)
    return [nil, nil] + gradients
  }
}
