// SPDX-License-Identifier: Apache-2.0
// RMSNormalization as it was exported before ONNX had it.

import GraphIR
import TensorCore

package struct SimplifiedLayerNormalization: Operation {
  package static let name = "SimplifiedLayerNormalization"
  package static let summary = "x / sqrt(mean(x²) + epsilon) · scale over the axes from `axis` on, and that factor."
  package static let operands = [Slot("X"), Slot("scale")]
  package static let results = [Slot("Y"), Slot("inv_std_var")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the first normalised axis, negative from the end"),
      Attribute("epsilon", \.epsilon, "added to the mean square"),
      Attribute("stash_type", \.stashType, "a hint without meaning here"),
    ]
  }
  package var axis = -1
  package var epsilon = 1e-5
  package var stashType = 1
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let scale = operands[1], x.dtype.isFloat, scale.dtype.isFloat else {
      throw TypeError("'SimplifiedLayerNormalization' takes floats", operand: 0)
    }
    let place = try normalized(axis, rank: x.rank, for: Self.name)
    guard scale.shape == Array(x.shape[place...]) else {
      throw TypeError("the scale \(scale) of 'SimplifiedLayerNormalization' does not fit \(x)", operand: 1)
    }
    return [
      TensorType(scale.dtype, x.shape), TensorType(.f32, x.shape.indices.map { $0 < place ? x.shape[$0] : 1 }),
    ]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let scale = operands[1] else {
      throw TypeError("'SimplifiedLayerNormalization' needs two operands")
    }
    let types = try inferTypes([x.type, scale.type])
    let width = scale.count
    var output = Reference(scale.dtype, x.shape, reals: x.reals)
    var factors: [Double] = []
    for start in stride(from: 0, to: x.count, by: max(1, width)) {
      let square = x.reals[start..<start + width].reduce(0) { $0 + $1 * $1 } / Double(width)
      factors.append(1 / (square + epsilon).squareRoot())
      for column in 0..<width { output.reals[start + column] *= factors[factors.count - 1] * scale.reals[column] }
    }
    // The mean of nothing is no number.
    let shape = try staticSizes(types[1].shape, for: Self.name)
    if width == 0 { factors = [Double](repeating: .nan, count: shape.reduce(1, *)) }
    return [output, Reference(.f32, shape, reals: factors)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let place = try? normalized(axis, rank: x.rank, for: Self.name) else {
      return .leaf
    }
    return .decompose { builder, operands throws(TypeError) in
      let value = try builder.widened(operands[0])
      let square = try builder.mean(try builder.mul(value, value), Array(place..<x.rank))
      let factor = try builder.emit(Reciprocal(), try builder.emit(Sqrt(), try builder.plus(square, epsilon)))
      let scale = try builder.narrowed(try builder.widened(operands[1]), to: builder.type(value).dtype)
      let y = try builder.mul(try builder.mul(value, factor), scale)
      return [try builder.narrowed(y, to: types.results[0].dtype), try builder.narrowed(factor, to: .f32)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = SimplifiedLayerNormalization()
    let shape = random.shape(minRank: 1, maxRank: 3)
    operation.axis = random.int(-shape.count...shape.count - 1)
    let dtype = random.dtype([.f32, .f64])
    let place = operation.axis < 0 ? operation.axis + shape.count : operation.axis
    return Sample(
      operation,
      [TensorType(dtype, shape.map { Dim($0) }), TensorType(dtype, shape[place...].map { Dim($0) })])
  }
}
