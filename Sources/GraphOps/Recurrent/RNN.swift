// SPDX-License-Identifier: Apache-2.0
// The plain recurrent layer, as ONNX defines it.

import GraphIR
import TensorCore

package struct RNN: RecurrentOperation {
  package static let name = "RNN"
  package static let summary = "h = act(x·W + h·R + b) over the steps of X."
  package static let operands = GRU.operands
  package static let results = GRU.results
  package static var attributes: [Attribute<Self>] { recurrentAttributes }
  static let gateCount = 1
  static let stateCount = 1
  static let defaultActivations = ["Tanh"]
  package var recurrence = Recurrence()
  package init() {}

  func step(_ cell: ReferenceCell) -> [[Double]] {
    let h = cell.states[0]
    return [
      (0..<cell.hiddenSize).map { unit in
        cell.activate(0, cell.input(0, unit) + cell.recurrent(0, unit, h) + cell.bias(0, unit))
      }
    ]
  }

  func step(_ cell: LoweredCell, _ builder: inout GraphBuilder) throws(TypeError) -> [ValueID] {
    let sum = try builder.emit(Add(), try builder.emit(MatMul(), cell.states[0], cell.recurrent), cell.input)
    return [try cell.activate(0, sum, &builder)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample { recurrentSample(RNN(), &random) }
}
