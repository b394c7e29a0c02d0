// SPDX-License-Identifier: Apache-2.0
// A recurrent layer forwards and backwards.

import GraphIR
import GraphOps
import TensorCore

package struct Bidirectional: WrapperLayer {
  package static let name = "Bidirectional"
  package static let summary = "A recurrent layer over the steps in both orders, such as Bidirectional(LSTM(64))."
  package static let layerArguments = ["layer", "backward_layer"]
  package static var inputs: [Slot] {
    let states = ["forward", "backward"].flatMap { ["\($0)_initial_state", "\($0)_initial_cell"] }
    return [Slot("inputs")] + states.map { Slot($0, .optional) } + [Slot("mask", .optional)]
  }
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("layer", \.text, "the recurrent layer"),
      Attribute("merge_mode", \.mergeMode, "'concat', 'sum', 'mul', 'ave', or none for two results"),
      Attribute(
        "backward_layer", \.backwardText, "another layer for the backward order; like the first when not given"),
    ]
  }
  package var text = ""
  package var backwardText: String?
  package var mergeMode: String? = "concat"
  package var layers: [String: any Layer] = [:]
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let forward = try recurrent(try inner())
    let backward = try recurrent(layers["backward_layer"] ?? forward)
    guard forward.options.returnsSequences == backward.options.returnsSequences,
      forward.options.returnsState == backward.options.returnsState
    else { throw TypeError("both layers of 'Bidirectional' must return the same: sequences, and states") }
    if layers["backward_layer"] != nil,
      backward.options.goesBackwards == forward.options.goesBackwards
    {
      throw TypeError("one of the layers of 'Bidirectional' must have go_backwards = true, and one not")
    }
    let mask = context.mask(inputs[5], of: inputs[0])
    let path = context.path
    defer { context.path = path }
    context.path = "\(path)/forward"
    let isForward = !forward.options.goesBackwards
    let there = try run(forward, &context, x, Array(inputs[1...2]), mask, backwards: !isForward)
    context.path = "\(path)/backward"
    let back = try run(backward, &context, x, Array(inputs[3...4]), mask, backwards: isForward)

    let sequences = forward.options.returnsSequences
    let (a, b) = sequences ? (there.sequence, back.sequence) : (there.last, back.last)
    var results = try merged(&context, a, b)
    if sequences, let mask { for output in results { context.masks[output.value] = mask } }
    if forward.options.returnsState {
      results += zip(type(of: forward).states, there.states).map { LayerOutput("forward_\($0)", $1) }
      results += zip(type(of: backward).states, back.states).map { LayerOutput("backward_\($0)", $1) }
    }
    return results
  }

  private func recurrent(_ layer: any Layer) throws(TypeError) -> any RecurrentLayer {
    if let rnn = layer as? RNN {
      let stack = try rnn.recurrentLayers()
      guard let only = stack.first, stack.count == 1 else {
        throw TypeError(
          "'Bidirectional' takes an RNN of one cell, found \(stack.count)", note: "write one box after the other")
      }
      return only
    }
    guard let recurrent = layer as? any RecurrentLayer else {
      throw TypeError(
        "'Bidirectional' needs a recurrent layer, found '\(type(of: layer).name)'",
        note: "such as Bidirectional(LSTM(64))")
    }
    return recurrent
  }

  private func run(
    _ layer: some RecurrentLayer, _ context: inout LayerContext, _ x: ValueID, _ states: [ValueID?], _ mask: ValueID?,
    backwards: Bool
  ) throws(TypeError) -> Recurrence {
    try layer.run(
      &context, x, Array(states.prefix(type(of: layer).states.count)), mask: mask, backwards: backwards,
      zerosMasked: layer.options.returnsSequences, alignsOutputs: true)
  }

  private func merged(_ context: inout LayerContext, _ a: ValueID, _ b: ValueID) throws(TypeError) -> [LayerOutput] {
    switch mergeMode {
    case nil: return [LayerOutput("forward", a), LayerOutput("backward", b)]
    case "concat": return result(try context.builder.emitAny(Concat(axis: -1), [a, b])[0])
    case "sum": return result(try context.emit(Add(), a, b))
    case "mul": return result(try context.emit(Mul(), a, b))
    case "ave": return result(try context.emit(Mul(), try context.emit(Add(), a, b), try context.scalar(0.5, like: a)))
    case let other?:
      throw TypeError(
        "'merge_mode' of 'Bidirectional' is '\(other)'", note: "it is 'concat', 'sum', 'mul', 'ave' or none")
    }
  }
}
