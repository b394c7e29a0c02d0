// SPDX-License-Identifier: Apache-2.0
// Division of each row by its root mean square.

import GraphIR
import KernelIR
import TensorCore

package struct RMSNormalization: Operation {
  package static let name = "RMSNormalization"
  package static let summary = "x / sqrt(mean(x²) + epsilon) · scale over the axes from `axis` on."
  package static let operands = [Slot("X"), Slot("scale")]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the first normalized axis"),
      Attribute("epsilon", \.epsilon, "added to the mean square"),
    ]
  }
  package static let accuracy = Accuracy.accumulation
  package var axis = -1
  package var epsilon = 1e-5
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'RMSNormalization' needs an operand") }
    _ = try rowAxes(x, axis, operands, for: Self.name)
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var x = operands[0] else { throw TypeError("'RMSNormalization' needs an operand") }
    let axes = try rowAxes(x.type, axis, operands.map { $0?.type }, for: Self.name)
    let width = x.shape[axes].reduce(1, *)
    let scale = spread(operands[1], Array(x.shape[axes])) ?? [Double](repeating: 1, count: width)
    for start in stride(from: 0, to: x.reals.count, by: max(width, 1)) {
      let square = x.reals[start..<start + width].reduce(0) { $0 + $1 * $1 } / Double(width)
      for index in 0..<width { x.reals[start + index] *= scale[index] / (square + epsilon).squareRoot() }
    }
    return [x]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let axes = try? rowAxes(x, axis, types.operands, for: Self.name) else {
      return .leaf
    }
    return .decompose { builder, operands throws(TypeError) in
      let value = try builder.widened(operands[0])
      let square = try builder.mean(try builder.emit(Mul(), value, value), Array(axes))
      let root = try builder.emit(Sqrt(), try builder.emit(Add(), square, try builder.scalar(epsilon, like: value)))
      let y = try builder.emit(Mul(), value, try builder.emit(Reciprocal(), root))
      return [try builder.narrowed(try builder.emit(Mul(), y, try builder.widened(operands[1])), to: x.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var sample = LayerNormalization.sample(&random)
    var operation = RMSNormalization()
    operation.axis = (sample.operation as? LayerNormalization)?.axis ?? -1
    sample.operation = operation
    sample.operands = Array(sample.operands.prefix(2))
    return sample
  }
}
