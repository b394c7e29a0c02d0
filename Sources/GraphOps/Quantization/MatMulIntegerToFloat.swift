// SPDX-License-Identifier: Apache-2.0
// Quantised matrix products with float results.

import GraphIR
import TensorCore

package struct MatMulIntegerToFloat: Operation {
  package static let name = "MatMulIntegerToFloat"
  package static let summary = "((A - a_zero) · (B - b_zero)) · a_scale · b_scale + bias."
  package static let operands = [
    Slot("A"), Slot("B"), Slot("a_scale"), Slot("b_scale"), Slot("a_zero_point", .optional),
    Slot("b_zero_point", .optional), Slot("bias", .optional),
  ]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package init() {}

  /// The shapes in which the scales broadcast to the operands, and those to the result.
  private func scaleShapes(_ operands: [TensorType?]) throws(TypeError) -> (a: [Dim], b: [Dim]) {
    guard let a = operands[0], let b = operands[1], let aScale = operands[2], let bScale = operands[3] else {
      throw TypeError("'MatMulIntegerToFloat' needs four operands")
    }
    return (
      try matrixScaleShape(aScale, of: a, isRow: true, operand: 2, for: Self.name),
      try matrixScaleShape(bScale, of: b, isRow: false, operand: 3, for: Self.name)
    )
  }

  private func sums<T>(_ operands: [T?]) -> [T?] {
    [operands[0], operands[1], optional(operands, 4), optional(operands, 5)]
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    _ = try scaleShapes(operands)
    guard let aScale = operands[2], let bScale = operands[3], aScale.dtype.isFloat, aScale.dtype == bScale.dtype else {
      throw TypeError("the scales of 'MatMulIntegerToFloat' must be floats of one type", operand: 2)
    }
    let product = try MatMulInteger().inferTypes(sums(operands))[0]
    if let bias = optional(operands, 6) {
      guard bias.rank == 1, let last = product.shape.last, bias == TensorType(aScale.dtype, [last]) else {
        throw TypeError("the bias \(bias) of 'MatMulIntegerToFloat' does not fit \(product)", operand: 6)
      }
    }
    return [TensorType(aScale.dtype, product.shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let type = try inferTypes(operands.map { $0?.type })[0]
    guard var aScale = operands[2], var bScale = operands[3] else {
      throw TypeError("'MatMulIntegerToFloat' needs four operands")
    }
    let shapes = try scaleShapes(operands.map { $0?.type })
    aScale.shape = try staticSizes(shapes.a, for: Self.name)
    bScale.shape = try staticSizes(shapes.b, for: Self.name)
    let product = try MatMulInteger().evaluate(sums(operands))[0]
    var result = Reference(zeros: type.dtype, product.shape)
    let bias = optional(operands, 6)
    forEachIndex(product.shape) { position, index in
      let factor = aScale.reals[aScale.broadcastPosition(index)] * bScale.reals[bScale.broadcastPosition(index)]
      result.reals[position] = Double(product.integers[position]) * factor + (bias?.reals[index[index.count - 1]] ?? 0)
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let shapes = try? scaleShapes(types.operands) else { return .leaf }
    let dtype = types.results[0].dtype
    return .decompose { builder, operands throws(TypeError) in
      let product = try builder.emitAny(MatMulInteger(), sums(operands))[0]
      let aScale = try builder.reshaped(try builder.widened(operands[2]), shapes.a)
      let bScale = try builder.reshaped(try builder.widened(operands[3]), shapes.b)
      let factor = try builder.mul(aScale, bScale)
      var y = try builder.mul(try builder.narrowed(product, to: builder.type(factor).dtype), factor)
      if let bias = optional(operands, 6) { y = try builder.add(y, try builder.widened(bias)) }
      return [try builder.narrowed(y, to: dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let (m, k, n) = (Dim(random.size()), Dim(random.size()), Dim(random.size()))
    let (left, right) = (random.dtype([.i8, .u8]), random.dtype([.i8, .u8]))
    let dtype = random.dtype([.f32, .f64])
    let columns: [Dim] = random.bool() ? [] : [n]
    return Sample(
      MatMulIntegerToFloat(),
      [
        TensorType(left, [m, k]), TensorType(right, [k, n]), TensorType(dtype, []), TensorType(dtype, columns),
        random.bool() ? TensorType(left, []) : nil, random.bool() ? TensorType(right, columns) : nil,
        random.bool() ? TensorType(dtype, [n]) : nil,
      ], ranges: [0: -100...100, 1: -100...100, 2: 0.01...0.02, 3: 0.01...0.02])
  }
}
