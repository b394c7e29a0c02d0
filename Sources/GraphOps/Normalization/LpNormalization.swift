// SPDX-License-Identifier: Apache-2.0
// Division by the 1-norm or 2-norm along an axis.

import GraphIR
import KernelIR
import TensorCore

package struct LpNormalization: AxisOperation {
  package static let name = "LpNormalization"
  package static let summary = "x / (Σ |x|^p)^(1/p) along an axis, with p 1 or 2; a line of zeros stays zero."
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] { axisAttributes() + [Attribute("p", \.p, "1 or 2")] }
  package var axis = -1
  package var p = 2
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'LpNormalization' needs an operand") }
    guard p == 1 || p == 2 else { throw TypeError("'p' of 'LpNormalization' is \(p), expected 1 or 2") }
    guard DType.floats.contains(x.dtype) else {
      throw TypeError("'LpNormalization' does not take \(x.dtype)", operand: 0)
    }
    _ = try normalized(axis, rank: x.rank, for: Self.name)
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    try evaluateLines(operands[0]) { line in
      let norm =
        p == 1 ? line.reduce(0) { $0 + abs($1) } : line.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return line.map { norm == 0 ? 0 : $0 / norm }
    }
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    let (axis, p) = (axis, p)
    return .decompose { builder, operands throws(TypeError) in
      let value = try builder.widened(operands[0])
      let element = p == 1 ? try builder.emit(Abs(), value) : try builder.emit(Mul(), value, value)
      let sum = try builder.emit(ReduceSum(axes: [axis]), element)
      let norm = p == 1 ? sum : try builder.emit(Sqrt(), sum)
      // Dividing zeros by one leaves them zero.
      let isZero = try builder.emit(Equal(), norm, try builder.scalar(0, like: value))
      let divisor = try builder.emit(Where(), isZero, try builder.scalar(1, like: value), norm)
      return [try builder.narrowed(try builder.emit(Div(), value, divisor), to: x.dtype)]
    }
  }
}
