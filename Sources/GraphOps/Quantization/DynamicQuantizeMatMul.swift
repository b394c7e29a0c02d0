// SPDX-License-Identifier: Apache-2.0
// Matrix products of floats with quantised weights.

import GraphIR
import TensorCore

package struct DynamicQuantizeMatMul: Operation {
  package static let name = "DynamicQuantizeMatMul"
  package static let summary = "A, quantised by its own range, times (B - b_zero) · b_scale, plus bias."
  package static let operands = [
    Slot("A"), Slot("B"), Slot("b_scale"), Slot("b_zero_point", .optional), Slot("bias", .optional),
  ]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let a = operands[0], let b = operands[1], let scale = operands[2], a.dtype == .f32 else {
      throw TypeError("'DynamicQuantizeMatMul' takes f32, weights and their scale", operand: 0)
    }
    return try MatMulIntegerToFloat().inferTypes([
      TensorType(.u8, a.shape), b, TensorType(.f32, []), scale, TensorType(.u8, []), optional(operands, 3),
      optional(operands, 4),
    ])
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    _ = try inferTypes(operands.map { $0?.type })
    let parts = try DynamicQuantizeLinear().evaluate([operands[0]])
    return try MatMulIntegerToFloat().evaluate([
      parts[0], operands[1], parts[1], operands[2], parts[2], optional(operands, 3), optional(operands, 4),
    ])
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, operands throws(TypeError) in
      let parts = try builder.emitAll(DynamicQuantizeLinear(), [operands[0]])
      return try builder.emitAny(
        MatMulIntegerToFloat(),
        [parts[0], operands[1], parts[1], operands[2], parts[2], optional(operands, 3), optional(operands, 4)])
    }
  }


  package static func sample(_ random: inout SampleSource) -> Sample {
    let (m, k, n) = (Dim(random.size()), Dim(random.size()), Dim(random.size()))
    let right = random.dtype([.i8, .u8])
    let columns: [Dim] = random.bool() ? [] : [n]
    return Sample(
      DynamicQuantizeMatMul(),
      [
        TensorType(.f32, [m, k]), TensorType(right, [k, n]), TensorType(.f32, columns),
        random.bool() ? TensorType(right, columns) : nil, random.bool() ? TensorType(.f32, [n]) : nil,
      ], ranges: [1: -100...100, 2: 0.01...0.02])
  }
}
