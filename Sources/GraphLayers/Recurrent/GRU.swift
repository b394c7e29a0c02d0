// SPDX-License-Identifier: Apache-2.0
// The gated recurrent unit of Cho et al.

import GraphIR
import GraphOps
import TensorCore

package struct GRU: RecurrentLayer {
  package static let name = "GRU"
  package static let summary =
    "h = z · h + (1 − z) · tanh(x·W + r · (h·R) + b) over the steps of [N, steps, features], with gates z and r."
  package static let required = ["units"]
  package static let states = ["hidden"]
  package static var arguments: [Attribute<Self>] {
    recurrentArguments(
      gated: true,
      [
        Attribute("reset_after", \.resetsAfter, "whether the reset gate multiplies h·R instead of h"),
        Attribute("use_cudnn", \.options.cudnn, "accepted and without effect"),
      ])
  }
  package var options = RecurrentOptions()
  package var resetsAfter = true
  package init() {}

  package func prepare(_ context: inout LayerContext, _ x: ValueID) throws(TypeError) -> RecurrentPreparation {
    try checkSequence(context, x)
    let columns = 3 * Dim(options.units)
    var (own, recurrentBias): (ValueID?, ValueID?)
    if options.useBias {
      let dtype = context.type(x).dtype
      let bias = try context.parameter("bias", resetsAfter ? [2, columns] : [columns], options.bias, dtype: dtype)
      own = bias
      if resetsAfter {
        let rows = try context.builder.emitAll(Split(axis: 0, into: 2), [bias])
        own = try context.emit(Reshape(exactly: [columns]), rows[0])
        recurrentBias = try context.emit(Reshape(exactly: [columns]), rows[1])
      }
    }
    let (inputs, recurrent) = try project(&context, x, gates: 3, bias: own)
    return RecurrentPreparation(
      inputs: inputs, weights: [recurrent] + (recurrentBias.map { [$0] } ?? []), state: [Dim(options.units)])
  }

  package func step(
    _ cell: inout LayerContext, _ input: ValueID, _ states: [ValueID], _ weights: [ValueID]
  ) throws(TypeError) -> [ValueID] {
    let h = states[0]
    func gates(_ sums: ValueID) throws(TypeError) -> (update: ValueID, reset: ValueID) {
      let update = try cell.emit(Add(), try gate(0, of: input, &cell), try gate(0, of: sums, &cell))
      let reset = try cell.emit(Add(), try gate(1, of: input, &cell), try gate(1, of: sums, &cell))
      return (
        try cell.activate(options.recurrentActivation, update), try cell.activate(options.recurrentActivation, reset)
      )
    }
    let (update, recurrent): (ValueID, ValueID)
    if resetsAfter {
      var sums = try cell.emit(MatMul(), h, weights[0])
      if weights.count > 1 { sums = try cell.emit(Add(), sums, weights[1]) }
      let both = try gates(sums)
      (update, recurrent) = (both.update, try cell.emit(Mul(), both.reset, try gate(2, of: sums, &cell)))
    } else {
      let split = 2 * Dim(options.units)
      let sums = try cell.emit(MatMul(), h, try cell.emit(Slice(axis: 1, from: 0, to: split), weights[0]))
      let both = try gates(sums)
      let kept = try cell.emit(Mul(), both.reset, h)
      (update, recurrent) = (both.update, try cell.emit(MatMul(), kept, try gate(2, of: weights[0], &cell)))
    }
    let candidate = try cell.activate(
      options.activation, try cell.emit(Add(), try gate(2, of: input, &cell), recurrent))
    let share = try cell.emit(Sub(), try cell.scalar(1, like: update), update)
    return [try cell.emit(Add(), try cell.emit(Mul(), update, h), try cell.emit(Mul(), share, candidate))]
  }
}
