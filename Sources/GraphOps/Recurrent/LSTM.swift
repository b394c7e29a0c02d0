// SPDX-License-Identifier: Apache-2.0
// The long short-term memory of Hochreiter and Schmidhuber, with peepholes, as ONNX defines it.

import GraphIR
import TensorCore

/// Gates are in the order input, output, forget, cell. `clip` bounds the input of every activation, as its definition
/// says, also that of the memory's before the output; onnxruntime leaves out that one.
package struct LSTM: RecurrentOperation {
  package static let name = "LSTM"
  package static let summary =
    "C = f ⊙ C + i ⊙ g(x·Wc + h·Rc + b), h = o ⊙ act(C) over the steps of X, with sigmoid gates i, o and f."
  package static let operands = [
    Slot("X"), Slot("W"), Slot("R"), Slot("B", .optional), Slot("sequence_lens", .optional),
    Slot("initial_h", .optional), Slot("initial_c", .optional), Slot("P", .optional),
  ]
  package static let results = [Slot("Y"), Slot("Y_h"), Slot("Y_c")]
  package static var attributes: [Attribute<Self>] {
    recurrentAttributes + [
      Attribute("input_forget", \.inputForget, "whether the forget gate is 1 minus the input gate")
    ]
  }
  static let gateCount = 4
  static let stateCount = 2
  static let defaultActivations = ["Sigmoid", "Tanh", "Tanh"]
  package var recurrence = Recurrence()
  package var inputForget = false
  package init() {}

  func step(_ cell: ReferenceCell) -> [[Double]] {
    let (h, c) = (cell.states[0], cell.states[1])
    var (nextH, nextC) = (h, c)
    for unit in 0..<cell.hiddenSize {
      func sum(_ gate: Int) -> Double {
        cell.input(gate, unit) + cell.recurrent(gate, unit, h) + cell.bias(gate, unit)
      }
      let input = cell.activate(0, sum(0) + cell.peephole(0, unit) * c[unit])
      let forget = inputForget ? 1 - input : cell.activate(0, sum(2) + cell.peephole(2, unit) * c[unit])
      nextC[unit] = forget * c[unit] + input * cell.activate(1, sum(3))
      let output = cell.activate(0, sum(1) + cell.peephole(1, unit) * nextC[unit])
      nextH[unit] = output * cell.activate(2, nextC[unit])
    }
    return [nextH, nextC]
  }

  func step(_ cell: LoweredCell, _ builder: inout GraphBuilder) throws(TypeError) -> [ValueID] {
    let (h, c) = (cell.states[0], cell.states[1])
    let sums = try builder.emit(Add(), try builder.emit(MatMul(), h, cell.recurrent), cell.input)
    func gate(_ number: Int, seeing state: ValueID?) throws(TypeError) -> ValueID {
      var sum = try cell.gate(number, of: sums, &builder)
      if let state, let peepholes = cell.peepholes {
        let weights = try cell.gate(number, of: peepholes, &builder)
        sum = try builder.emit(Add(), sum, try builder.emit(Mul(), weights, state))
      }
      return sum
    }
    let input = try cell.activate(0, try gate(0, seeing: c), &builder)
    let forget =
      try inputForget
      ? builder.emit(Sub(), try builder.scalar(1, like: input), input)
      : cell.activate(0, try gate(2, seeing: c), &builder)
    let candidate = try cell.activate(1, try gate(3, seeing: nil), &builder)
    let nextC = try builder.emit(
      Add(), try builder.emit(Mul(), forget, c), try builder.emit(Mul(), input, candidate))
    let output = try cell.activate(0, try gate(1, seeing: nextC), &builder)
    return [try builder.emit(Mul(), output, try cell.activate(2, nextC, &builder)), nextC]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var lstm = LSTM()
    lstm.inputForget = random.int(0...3) == 0
    return recurrentSample(lstm, &random)
  }
}
