// SPDX-License-Identifier: Apache-2.0
// Gelu by tanh, of a sum.

import GraphIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct FastGelu: Operation {
  package static let name = "FastGelu"
  package static let summary = "y / 2 · (1 + tanh(√(2/π) · (y + 0.044715 · y³))) of y = X + bias."
  package static let operands = [Slot("X"), Slot("bias", .optional)]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], x.dtype.isFloat else { throw TypeError("'FastGelu' takes floats", operand: 0) }
    if let bias = optional(operands, 1) {
      guard x.rank > 0, bias == TensorType(x.dtype, [x.shape[x.rank - 1]]) else {
        throw TypeError("the bias \(bias) of 'FastGelu' does not fit \(x)", operand: 1)
      }
    }
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var x = operands[0] else { throw TypeError("'FastGelu' needs an operand") }
    _ = try inferTypes(operands.map { $0?.type })
    let bias = optional(operands, 1)
    for position in x.reals.indices {
      let y = x.reals[position] + (bias.map { $0.reals[position % $0.count] } ?? 0)
      x.reals[position] = y / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (y + 0.044715 * y * y * y)))
    }
    return [x]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      var sum = try builder.widened(operands[0])
      if let bias = optional(operands, 1) { sum = try builder.add(sum, try builder.widened(bias)) }
      var gelu = Gelu()
      gelu.approximate = "tanh"
      return [try builder.narrowed(try builder.emit(gelu, sum), to: x.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1, maxRank: 3).map { Dim($0) }
    let dtype = random.dtype([.f32, .f64])
    return Sample(
      FastGelu(), [TensorType(dtype, shape), random.bool() ? TensorType(dtype, [shape[shape.count - 1]]) : nil])
  }
}
