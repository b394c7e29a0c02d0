// SPDX-License-Identifier: Apache-2.0
// Elementwise operators on quantised tensors: what the QLinear… operators of com.microsoft share.

import GraphIR
import TensorCore

/// A function of dequantised tensors whose result is quantised again: each operand is followed by its scale and zero
/// point, the last pair is the result's. Everything between is computed in f32.
package protocol QuantizedFunction: Operation {
  /// The names of the tensors.
  static var inputs: [String] { get }
  /// The operator on floats.
  var function: any Operation { get }
}

extension QuantizedFunction {
  package static var operands: [Slot] {
    inputs.flatMap { [Slot($0), Slot("\($0)_scale"), Slot("\($0)_zero_point", .optional)] }
      + [Slot("Y_scale"), Slot("Y_zero_point", .optional)]
  }
  package static var results: [Slot] { [Slot("Y")] }
  /// Where the exact value lies between two steps, f32 may decide for the other one.
  package static var accuracy: Accuracy { .ulps(1) }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    var floats: [TensorType] = []
    for number in Self.inputs.indices {
      guard let x = optional(operands, 3 * number), let scale = optional(operands, 3 * number + 1) else {
        throw TypeError("'\(Self.name)' needs its tensors and scales")
      }
      floats.append(
        try DequantizeLinear(axis: 0).inferTypes([x, scale, optional(operands, 3 * number + 2)])[0])
      guard scale.elementCount == 1, scale.dtype == .f32 else {
        throw TypeError("a scale of '\(Self.name)' is \(scale), expected an f32 scalar", operand: 3 * number + 1)
      }
    }
    return try quantizedResult(
      try function.inferTypes(floats)[0], optional(operands, 3 * Self.inputs.count),
      optional(operands, 3 * Self.inputs.count + 1), like: operands[0], for: Self.name)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let dtype = try inferTypes(operands.map { $0?.type })[0].dtype
    var floats: [Reference] = []
    for number in Self.inputs.indices { floats.append(try dequantized(operands, 3 * number)) }
    let result = try function.evaluate(floats)[0]
    return [try requantized(result, operands, 3 * Self.inputs.count, dtype)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let dtype = types.results[0].dtype
    return .decompose { builder, operands throws(TypeError) in
      var floats: [ValueID] = []
      for number in Self.inputs.indices {
        floats.append(
          try builder.emitAny(
            DequantizeLinear(axis: 0),
            [operands[3 * number], operands[3 * number + 1], optional(operands, 3 * number + 2)])[0])
      }
      let result = try builder.emitAny(function, floats)[0]
      let last = 3 * Self.inputs.count
      return try builder.emitAny(
        QuantizeLinear(dtype, axis: 0), [result, operands[last], optional(operands, last + 1)])
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let dtype = random.dtype([.i8, .u8])
    let shape = random.shape(minRank: 1, maxRank: 3)
    let (scalar, zero) = (TensorType(.f32, []), TensorType(dtype, []))
    var operands: [TensorType?] = []
    for number in inputs.indices {
      let dims = number == 0 ? shape : random.broadcastable(to: shape)
      operands += [TensorType(dtype, dims.map { Dim($0) }), scalar, random.bool() ? zero : nil]
    }
    operands += [scalar, random.bool() ? zero : nil]
    var ranges: [Int: ClosedRange<Double>] = [:]
    for index in operands.indices { ranges[index] = operands[index]?.dtype == .f32 ? 0.05...0.2 : -20...60 }
    return Sample(Self(), operands, ranges: ranges)
  }
}

/// The type of a quantised result, after checking its scale and zero point.
func quantizedResult(
  _ float: TensorType, _ scale: TensorType?, _ zero: TensorType?, like x: TensorType?, for name: String
) throws(TypeError) -> [TensorType] {
  guard let scale, scale.dtype == .f32, scale.elementCount == 1, let x, zero == nil || zero?.elementCount == 1 else {
    throw TypeError("the result of '\(name)' needs an f32 scale and a zero point that are scalars")
  }
  guard zero == nil || zero?.dtype == x.dtype else {
    throw TypeError("the result's zero point of '\(name)' is \(zero?.description ?? ""), expected \(x.dtype)")
  }
  return try QuantizeLinear(x.dtype, axis: 0).inferTypes([float, scale, zero])
}

/// The numbers of a quantised operand that is followed by its scale and zero point.
func dequantized(_ operands: [Reference?], _ index: Int) throws(TypeError) -> Reference {
  try DequantizeLinear(axis: 0).evaluate([operands[index], operands[index + 1], optional(operands, index + 2)])[0]
}

/// Numbers quantised by the scale at an index and the zero point behind it.
func requantized(
  _ x: Reference, _ operands: [Reference?], _ index: Int, _ dtype: DType
) throws(TypeError) -> Reference {
  try QuantizeLinear(dtype, axis: 0).evaluate([x, operands[index], optional(operands, index + 1)])[0]
}
