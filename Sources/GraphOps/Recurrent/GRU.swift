// SPDX-License-Identifier: Apache-2.0
// The gated recurrent unit of Cho et al., as ONNX defines it.

import GraphIR
import TensorCore

/// Gates are in the order update, reset, hidden.
package struct GRU: RecurrentOperation {
  package static let name = "GRU"
  package static let summary =
    "h = (1 - z) ⊙ act(x·Wh + (r ⊙ h)·Rh + b) + z ⊙ h over the steps of X, with sigmoid gates z and r."
  package static let operands = [
    Slot("X"), Slot("W"), Slot("R"), Slot("B", .optional), Slot("sequence_lens", .optional),
    Slot("initial_h", .optional),
  ]
  package static let results = [Slot("Y"), Slot("Y_h")]
  package static var attributes: [Attribute<Self>] {
    recurrentAttributes + [
      Attribute("linear_before_reset", \.linearBeforeReset, "whether the reset gate multiplies h·Rh + Rb instead of h")
    ]
  }
  static let gateCount = 3
  static let stateCount = 1
  static let defaultActivations = ["Sigmoid", "Tanh"]
  package var recurrence = Recurrence()
  package var linearBeforeReset = false
  package init() {}

  func step(_ cell: ReferenceCell) -> [[Double]] {
    let h = cell.states[0]
    func gate(_ gate: Int, _ unit: Int) -> Double {
      cell.activate(0, cell.input(gate, unit) + cell.recurrent(gate, unit, h) + cell.bias(gate, unit))
    }
    let reset = (0..<cell.hiddenSize).map { gate(1, $0) }
    let resetH = zip(reset, h).map { $0 * $1 }
    let next = (0..<cell.hiddenSize).map { unit -> Double in
      let update = gate(0, unit)
      let recurrent =
        linearBeforeReset
        ? reset[unit] * (cell.recurrent(2, unit, h) + cell.bias(2, unit))
        : cell.recurrent(2, unit, resetH) + cell.bias(2, unit)
      return (1 - update) * cell.activate(1, cell.input(2, unit) + recurrent) + update * h[unit]
    }
    return [next]
  }

  func step(_ cell: LoweredCell, _ builder: inout GraphBuilder) throws(TypeError) -> [ValueID] {
    let h = cell.states[0]
    let split = 2 * cell.units
    let hidden: ValueID
    let gates: ValueID
    let gateInput = try builder.emit(Slice(axis: 1, from: 0, to: split), cell.input)
    if linearBeforeReset {
      var all = try builder.emit(MatMul(), h, cell.recurrent)
      if let bias = cell.bias { all = try builder.emit(Add(), all, bias) }
      gates = try builder.emit(Add(), try builder.emit(Slice(axis: 1, from: 0, to: split), all), gateInput)
      hidden = try cell.gate(2, of: all, &builder)
    } else {
      let weights = try builder.emit(Slice(axis: 1, from: 0, to: split), cell.recurrent)
      gates = try builder.emit(Add(), try builder.emit(MatMul(), h, weights), gateInput)
      hidden = try cell.gate(2, of: cell.recurrent, &builder)
    }
    let update = try cell.activate(0, try cell.gate(0, of: gates, &builder), &builder)
    let reset = try cell.activate(0, try cell.gate(1, of: gates, &builder), &builder)
    // `hidden` is a vector that is reset, or the weights of one.
    let recurrent =
      try linearBeforeReset
      ? builder.emit(Mul(), reset, hidden) : builder.emit(MatMul(), try builder.emit(Mul(), reset, h), hidden)
    let sum = try builder.emit(Add(), try cell.gate(2, of: cell.input, &builder), recurrent)
    let candidate = try cell.activate(1, sum, &builder)
    let kept = try builder.emit(Mul(), update, h)
    let share = try builder.emit(Sub(), try builder.scalar(1, like: update), update)
    return [try builder.emit(Add(), try builder.emit(Mul(), share, candidate), kept)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var gru = GRU()
    gru.linearBeforeReset = random.bool()
    return recurrentSample(gru, &random)
  }
}
