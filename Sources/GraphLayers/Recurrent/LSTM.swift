// SPDX-License-Identifier: Apache-2.0
// The long short-term memory of Hochreiter and Schmidhuber.

import GraphIR
import GraphOps
import TensorCore

package struct LSTM: RecurrentLayer {
  package static let name = "LSTM"
  package static let summary =
    "c = f · c + i · tanh(x·W + h·R + b), h = o · tanh(c) over the steps of [N, steps, features], with "
    + "gates i, f and o."
  package static let required = ["units"]
  package static let states = ["hidden", "cell"]
  package static var arguments: [Attribute<Self>] {
    recurrentArguments(
      gated: true,
      [
        Attribute("unit_forget_bias", \.unitForgetBias, "whether the forget gate's bias starts at one"),
        Attribute("use_cudnn", \.options.cudnn, "accepted and without effect"),
      ])
  }
  package var options = RecurrentOptions()
  package var unitForgetBias = true
  package init() {}

  package func prepare(_ context: inout LayerContext, _ x: ValueID) throws(TypeError) -> RecurrentPreparation {
    try checkSequence(context, x)
    var bias: ValueID?
    if options.useBias {
      bias = try context.parameter(
        "bias", [4 * Dim(options.units)], options.bias.forgetting(unitForgetBias), dtype: context.type(x).dtype)
    }
    let (inputs, recurrent) = try project(&context, x, gates: 4, bias: bias)
    return RecurrentPreparation(inputs: inputs, weights: [recurrent], state: [Dim(options.units)])
  }

  package func step(
    _ cell: inout LayerContext, _ input: ValueID, _ states: [ValueID], _ weights: [ValueID]
  ) throws(TypeError) -> [ValueID] {
    let sums = try cell.emit(Add(), input, try cell.emit(MatMul(), states[0], weights[0]))
    return try cell.memoryStep(
      try (0..<4).map { (number) throws(TypeError) in try gate(number, of: sums, &cell) }, states[1], options)
  }
}

extension WeightOptions {
  /// These, with ones for the second of four gates.
  func forgetting(_ isWanted: Bool) -> WeightOptions {
    guard isWanted else { return self }
    var options = self
    options.initializer = "unit_forget_bias(\(initializer))"
    return options
  }
}

extension LayerContext {
  /// The new state and memory from the sums of the gates i, f, c and o.
  mutating func memoryStep(
    _ sums: [ValueID], _ memory: ValueID, _ options: RecurrentOptions
  ) throws(TypeError) -> [ValueID] {
    let input = try activate(options.recurrentActivation, sums[0])
    let forget = try activate(options.recurrentActivation, sums[1])
    let candidate = try activate(options.activation, sums[2])
    let output = try activate(options.recurrentActivation, sums[3])
    let next = try emit(Add(), try emit(Mul(), forget, memory), try emit(Mul(), input, candidate))
    return [try emit(Mul(), output, try activate(options.activation, next)), next]
  }
}
