// SPDX-License-Identifier: Apache-2.0
// A gated activation.

import GraphIR
import KernelIR
import TensorCore

package struct SwiGLU: Operation {
  package static let name = "SwiGLU"
  package static let summary = "A · sigmoid(alpha · A) · B, of operands of one shape."
  package static let operands = [Slot("A"), Slot("B")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.ulps(4)
  package static var attributes: [Attribute<Self>] { [Attribute("alpha", \.alpha, "the factor inside the sigmoid")] }
  package var alpha = 1.0
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let a = operands[0], let b = operands[1], a.dtype.isFloat, a == b else {
      throw TypeError(
        "'SwiGLU' takes two float operands of one type, found "
          + operands.map { $0?.description ?? "none" }.joined(separator: " and "))
    }
    return [a]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var a = operands[0], let b = operands[1] else { throw TypeError("'SwiGLU' needs two operands") }
    _ = try inferTypes([a.type, b.type])
    a.reals = zip(a.reals, b.reals).map { $0 * sigmoid(alpha * $0) * $1 }
    return [a]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      let (a, b) = (try builder.widened(operands[0]), try builder.widened(operands[1]))
      let gate = try builder.mul(a, try builder.emit(Sigmoid(), try builder.scaled(a, by: alpha)))
      return [try builder.narrowed(try builder.mul(gate, b), to: type.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = SwiGLU()
    operation.alpha = random.pick([1, 1.5])
    let type = TensorType(random.dtype([.f32, .f64, .f16]), random.shape().map { Dim($0) })
    return Sample(operation, [type, type])
  }
}
