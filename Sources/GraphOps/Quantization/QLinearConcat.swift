// SPDX-License-Identifier: Apache-2.0
// Quantised tensors joined along an axis.

import GraphIR
import TensorCore

package struct QLinearConcat: Operation {
  package static let name = "QLinearConcat"
  /// Where the exact value lies between two steps, f32 may decide for the other one.
  package static let accuracy = Accuracy.ulps(1)
  package static let summary = "The result's scale and zero point, then tensors with theirs: joined with that scale."
  package static let operands = [Slot("Y_scale"), Slot("Y_zero_point"), Slot("inputs", .variadic)]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("axis", \.axis, "the axis to join, negative from the end")]
  }
  package var axis = 0
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard operands.count >= 5, operands.count % 3 == 2 else {
      throw TypeError("'QLinearConcat' needs a scale and a zero point, then three operands for each tensor")
    }
    var floats: [TensorType] = []
    for index in stride(from: 2, to: operands.count, by: 3) {
      guard let scale = operands[index + 1], scale.elementCount == 1 else {
        throw TypeError("a scale of 'QLinearConcat' is no scalar", operand: index + 1)
      }
      floats.append(try DequantizeLinear(axis: 0).inferTypes(Array(operands[index..<index + 3]))[0])
    }
    return try quantizedResult(
      try Concat(axis: axis).inferTypes(floats)[0], operands[0], operands[1], like: operands[2], for: Self.name)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let dtype = try inferTypes(operands.map { $0?.type })[0].dtype
    var floats: [Reference] = []
    for index in stride(from: 2, to: operands.count, by: 3) { floats.append(try dequantized(operands, index)) }
    return [try requantized(try Concat(axis: axis).evaluate(floats)[0], operands, 0, dtype)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let dtype = types.results[0].dtype
    return .decompose { builder, operands throws(TypeError) in
      var parts: [ValueID] = []
      for index in stride(from: 2, to: operands.count, by: 3) {
        let float = try builder.emitAny(DequantizeLinear(axis: 0), Array(operands[index..<index + 3]))[0]
        parts.append(try builder.emit(QuantizeLinear(dtype, axis: 0), float, operands[0], operands[1]))
      }
      return try builder.emitAny(Concat(axis: axis), parts)
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = QLinearConcat()
    let shape = random.shape(minRank: 1, maxRank: 3)
    operation.axis = random.int(0...shape.count - 1)
    let dtype = random.dtype([.i8, .u8])
    let (scalar, zero) = (TensorType(.f32, []), TensorType(dtype, []))
    var operands: [TensorType?] = [scalar, zero]
    for _ in 0..<random.int(1...3) {
      let dims = shape.indices.map { Dim($0 == operation.axis ? random.int(1...4) : shape[$0]) }
      operands += [TensorType(dtype, dims), scalar, zero]
    }
    var ranges: [Int: ClosedRange<Double>] = [:]
    for index in operands.indices { ranges[index] = operands[index]?.dtype == .f32 ? 0.05...0.2 : -20...60 }
    return Sample(operation, operands, ranges: ranges)
  }
}
