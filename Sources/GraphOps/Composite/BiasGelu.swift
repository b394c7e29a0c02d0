// SPDX-License-Identifier: Apache-2.0
// Gelu of a sum.

import GraphIR
import TensorCore

package struct BiasGelu: Operation {
  package static let name = "BiasGelu"
  package static let summary = "Gelu(A + B), with B broadcast along the last axis."
  package static let operands = [Slot("A"), Slot("B")]
  package static let results = [Slot("C")]
  package static let accuracy = Accuracy.accumulation
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let a = operands[0], let b = operands[1], a.dtype.isFloat else {
      throw TypeError("'BiasGelu' takes two float operands", operand: 0)
    }
    guard a.dtype == b.dtype, b.rank == 1, try broadcast([a, b], for: Self.name) == a.shape else {
      throw TypeError("the bias \(b) of 'BiasGelu' does not fit \(a)", operand: 1)
    }
    return [a]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let a = operands[0], let b = operands[1] else { throw TypeError("'BiasGelu' needs two operands") }
    _ = try inferTypes([a.type, b.type])
    var sum = a
    for position in sum.reals.indices { sum.reals[position] += b.reals[position % b.count] }
    return try Gelu().evaluate([sum])
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let a = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      let sum = try builder.add(try builder.widened(operands[0]), try builder.widened(operands[1]))
      return [try builder.narrowed(try builder.emit(Gelu(), sum), to: a.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1, maxRank: 3).map { Dim($0) }
    let dtype = random.dtype([.f32, .f64])
    return Sample(BiasGelu(), [TensorType(dtype, shape), TensorType(dtype, [shape[shape.count - 1]])])
  }
}
