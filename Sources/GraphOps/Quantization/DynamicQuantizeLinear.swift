// SPDX-License-Identifier: Apache-2.0
// Quantisation with a scale that follows from the values.

import GraphIR
import TensorCore

package struct DynamicQuantizeLinear: Operation {
  package static let name = "DynamicQuantizeLinear"
  package static let summary =
    "x as u8 with a scale and zero point that cover 0 and every value: scale = (max(x, 0) - min(x, 0)) / 255."
  package static let operands = [Slot("x")]
  package static let results = [Slot("y"), Slot("y_scale"), Slot("y_zero_point")]
  package static let accuracy = Accuracy.ulps(1)
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'DynamicQuantizeLinear' needs an operand") }
    guard x.dtype == .f32 else { throw TypeError("'DynamicQuantizeLinear' takes f32, found \(x)", operand: 0) }
    return [TensorType(.u8, x.shape), TensorType(.f32, []), TensorType(.u8, [])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'DynamicQuantizeLinear' needs an operand") }
    _ = try inferTypes([x.type])
    let (high, low) = (x.reals.reduce(0, maximum), x.reals.reduce(0, minimum))
    let scale = (high == low ? 1 : high - low) / 255
    let zero = Reference(.u8, [], integers: [DType.u8.quantized(-low / scale, zero: 0)])
    let step = Reference(.f32, [], reals: [scale])
    return [try QuantizeLinear(.u8).evaluate([x, step, zero])[0], step, zero]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      let none = try builder.scalar(0, .f32)
      var (high, low) = (none, none)
      if x.elementCount != 0 {
        let all = Array(x.shape.indices)
        high = try builder.emit(Max(), try builder.emit(ReduceMax(axes: all, keepDims: false), operands[0]), none)
        low = try builder.emit(Min(), try builder.emit(ReduceMin(axes: all, keepDims: false), operands[0]), none)
      }
      let isFlat = try builder.emit(Equal(), high, low)
      let range = try builder.emit(Where(), isFlat, try builder.scalar(1, .f32), try builder.sub(high, low))
      let scale = try builder.div(range, try builder.scalar(255, .f32))
      let zero = try builder.saturated(try builder.div(try builder.emit(Neg(), low), scale), zero: nil, .u8)
      return [try builder.emit(QuantizeLinear(.u8), operands[0], scale, zero), scale, zero]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    Sample(DynamicQuantizeLinear(), [TensorType(.f32, random.shape(minRank: 1).map { Dim($0) })])
  }
}
