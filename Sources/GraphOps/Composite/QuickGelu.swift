// SPDX-License-Identifier: Apache-2.0
// Gelu by a sigmoid.

import GraphIR
import TensorCore

package struct QuickGelu: Operation {
  package static let name = "QuickGelu"
  package static let summary = "x · sigmoid(alpha · x)."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] { [Attribute("alpha", \.alpha, "the factor inside the sigmoid")] }
  package var alpha = 1.702
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], x.dtype.isFloat else { throw TypeError("'QuickGelu' takes floats", operand: 0) }
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var x = operands[0] else { throw TypeError("'QuickGelu' needs an operand") }
    x.reals = x.reals.map { $0 * sigmoid(alpha * $0) }
    return [x]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      let x = try builder.widened(operands[0])
      let gate = try builder.emit(Sigmoid(), try builder.scaled(x, by: alpha))
      return [try builder.narrowed(try builder.mul(x, gate), to: type.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    Sample(QuickGelu(), [TensorType(random.dtype([.f32, .f64, .f16]), random.shape().map { Dim($0) })])
  }
}
