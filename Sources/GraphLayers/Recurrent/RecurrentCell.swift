// SPDX-License-Identifier: Apache-2.0
// One step of recurrent layers as a layer: what Keras' cells share.

import GraphIR
import GraphOps
import TensorCore

/// A layer of one step: from inputs [N, features] and states to the output and the states after it.
package protocol CellLayer: Layer {
  /// The layers over all steps that this is one step of: each reads the output of the one before.
  func recurrentLayers() throws(TypeError) -> [any RecurrentLayer]
}

extension CellLayer {
  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let layers = try recurrentLayers()
    let names = stateNames(of: layers)
    guard inputs.count == names.count + 1 else {
      throw TypeError(
        "'\(Self.name)' has \(inputs.count) operand\(inputs.count == 1 ? "" : "s"), expected \(names.count + 1)",
        note: "they are inputs, \(names.joined(separator: ", "))")
    }
    var value = try context.floats(operand(inputs))
    guard context.type(value).rank == 2 else {
      throw TypeError(
        "'\(Self.name)' is one step and needs an input [N, features], found \(context.type(value))", operand: 0,
        note: "RNN(\(Self.name)(…)) goes over the steps of [N, steps, features]")
    }
    let path = context.path
    defer { context.path = path }
    var (given, after) = (inputs.dropFirst(), [ValueID]())
    for (number, layer) in layers.enumerated() {
      if layers.count > 1 { context.path = "\(path)/\(number)" }
      let count = type(of: layer).states.count
      let states = try step(layer, &context, value, Array(given.prefix(count)))
      given = given.dropFirst(count)
      value = states[0]
      after += states
    }
    return result(value) + zip(names, after).map { LayerOutput($0, $1) }
  }

  /// The states after one step of a layer.
  private func step(
    _ layer: some RecurrentLayer, _ context: inout LayerContext, _ x: ValueID, _ states: [ValueID?]
  ) throws(TypeError) -> [ValueID] {
    let prepared = try layer.prepare(&context, try context.emit(Unsqueeze(axes: [1]), x))
    let type = context.type(prepared.inputs)
    let input = try context.emit(Reshape(exactly: [type.shape[0]] + type.shape[2...]), prepared.inputs)
    let expected = TensorType(type.dtype, [type.shape[0]] + prepared.state)
    var before: [ValueID] = []
    for (name, state) in zip(Swift.type(of: layer).states, states) {
      guard let state, context.type(state) == expected else {
        let found = state.map { "\(context.type($0))" } ?? "nothing"
        throw TypeError("the state '\(name)' of '\(Self.name)' is \(found), expected \(expected)")
      }
      before.append(state)
    }
    return try layer.step(&context, input, before, prepared.weights)
  }
}

/// The names of all states of layers, those of several with the layer's number.
func stateNames(of layers: [any RecurrentLayer]) -> [String] {
  layers.enumerated().flatMap { number, layer in
    type(of: layer).states.map { layers.count > 1 ? "\($0)\(number)" : $0 }
  }
}

/// One step of one recurrent layer.
package protocol RecurrentCell: CellLayer {
  associatedtype Whole: RecurrentLayer
  /// The layer over all steps, with this cell's arguments.
  var whole: Whole { get set }
}

extension RecurrentCell {
  package static var required: [String] { ["units"] }
  package static var inputs: [Slot] { [Slot("inputs")] + Whole.states.map { Slot($0) } }

  package func recurrentLayers() throws(TypeError) -> [any RecurrentLayer] { [whole] }

  /// The arguments of the whole layer but those about steps.
  static func cellArguments(_ path: any WritableKeyPath<Self, Whole> & Sendable) -> [Attribute<Self>] {
    let aboutSteps = ["return_sequences", "return_state", "go_backwards", "stateful", "unroll", "use_cudnn"]
    return Whole.arguments.filter { !aboutSteps.contains($0.name) }.map { Attribute($0, of: path) }
  }
}
