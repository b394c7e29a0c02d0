// SPDX-License-Identifier: Apache-2.0
// The plain recurrent layer.

import GraphIR
import GraphOps
import TensorCore

package struct SimpleRNN: RecurrentLayer {
  package static let name = "SimpleRNN"
  package static let summary = "h = activation(x·W + h·R + b) over the steps of [N, steps, features]."
  package static let required = ["units"]
  package static let states = ["hidden"]
  package static var arguments: [Attribute<Self>] { recurrentArguments(gated: false) }
  package var options = RecurrentOptions()
  package init() {}

  package func prepare(_ context: inout LayerContext, _ x: ValueID) throws(TypeError) -> RecurrentPreparation {
    try checkSequence(context, x)
    let dtype = context.type(x).dtype
    let bias =
      options.useBias ? try context.parameter("bias", [Dim(options.units)], options.bias, dtype: dtype) : nil
    let (inputs, recurrent) = try project(&context, x, gates: 1, bias: bias)
    return RecurrentPreparation(inputs: inputs, weights: [recurrent], state: [Dim(options.units)])
  }

  package func step(
    _ cell: inout LayerContext, _ input: ValueID, _ states: [ValueID], _ weights: [ValueID]
  ) throws(TypeError) -> [ValueID] {
    let sum = try cell.emit(Add(), input, try cell.emit(MatMul(), states[0], weights[0]))
    return [try cell.activate(options.activation, sum)]
  }
}
