// SPDX-License-Identifier: Apache-2.0
// Cells over the steps of a sequence.

import GraphIR
import GraphOps
import TensorCore

/// Cells on top of each other are layers after each other: each goes over all steps before the next one starts, which
/// multiplies the inputs of all steps at once.
package struct RNN: WrapperLayer {
  package static let name = "RNN"
  package static let summary =
    "A cell, or a list of cells on top of each other, over the steps of [N, steps, features], such as "
    + "RNN([LSTMCell(8), GRUCell(4)])."
  package static let layerArguments = ["cell"]
  package static let required = ["cell"]
  package static let inputs = [
    Slot("inputs"), Slot("initial_state", .optional), Slot("initial_cell", .optional), Slot("mask", .optional),
  ]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("cell", \.text, "the cell, or a list of cells"),
      Attribute("return_sequences", \.returnsSequences, "whether the outputs of all steps are the result"),
      Attribute("return_state", \.returnsState, "whether the final states are results too"),
      Attribute("go_backwards", \.goesBackwards, "whether the steps are read from the last to the first"),
      Attribute("stateful", \.isStateful, "false: a graph keeps nothing between runs"),
      Attribute("unroll", \.unrolls, "accepted and without effect: the compiler chooses"),
      Attribute("zero_output_for_mask", \.zerosMasked, "whether the outputs of masked steps are zeros"),
    ]
  }
  package var text = LayerList()
  package var layers: [String: any Layer] = [:]
  package var returnsSequences = false
  package var returnsState = false
  package var goesBackwards = false
  package var isStateful = false
  package var unrolls = false
  package var zerosMasked = false
  package init() {}

  /// The layers over all steps that the cells are steps of, with these options.
  func recurrentLayers() throws(TypeError) -> [any RecurrentLayer] {
    try recurrentLayers(of: "cell", count: text.texts.count).map { layer in
      var layer = layer
      layer.options.returnsSequences = returnsSequences
      layer.options.returnsState = returnsState
      layer.options.goesBackwards = goesBackwards
      layer.options.isStateful = isStateful
      return layer
    }
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    var value = try context.floats(operand(inputs))
    let stack = try recurrentLayers()
    if stack.count > 1, inputs[1] != nil || inputs[2] != nil {
      throw TypeError(
        "'RNN' takes initial states for one cell, it has \(stack.count)",
        note: "write one RNN box after the other with return_sequences = true")
    }
    let mask = context.mask(inputs[3], of: inputs[0])
    let path = context.path
    defer { context.path = path }
    var (last, states) = (value, [ValueID]())
    for (number, layer) in stack.enumerated() {
      if stack.count > 1 { context.path = "\(path)/\(number)" }
      let isLast = number == stack.count - 1
      let recurrence = try layer.run(
        &context, value, Array(inputs[1...2].prefix(type(of: layer).states.count)), mask: mask,
        backwards: goesBackwards, zerosMasked: isLast && zerosMasked && returnsSequences, alignsOutputs: !isLast)
      (value, last) = (recurrence.sequence, recurrence.last)
      states += recurrence.states
    }
    let y = returnsSequences ? value : last
    if returnsSequences, let mask { context.masks[y] = mask }
    let final = zip(stateNames(of: stack), states).map { LayerOutput($0, $1) }
    return result(y) + (returnsState ? final : [])
  }
}
