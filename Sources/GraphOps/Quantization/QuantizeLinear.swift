// SPDX-License-Identifier: Apache-2.0
// Numbers as small integers times a scale.

import GraphIR
import KernelIR
import TensorCore

/// The quotient is rounded to the division's type before it is rounded to an integer, ties to even.
package struct QuantizeLinear: Operation {
  package static let name = "QuantizeLinear"
  /// Where the exact value lies between two steps, f32 may decide for the other one.
  package static let accuracy = Accuracy.ulps(1)
  package static let summary = "saturate(round(x / scale) + zero_point), for a tensor, an axis or blocks of one."
  package static let operands = [Slot("x"), Slot("y_scale"), Slot("y_zero_point", .optional)]
  package static let results = [Slot("y")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis of a scale that is no scalar"),
      Attribute("block_size", \.blockSize, "neighbours along the axis that share a scale; 0: all, or one each"),
      Attribute("output_dtype", \.outputType, "the integer type without a zero point; else the zero point's"),
      Attribute("precision", \.precision, "the type of the division; without it the scale's"),
      Attribute("saturate", \.saturate, "has a meaning for 8-bit floats only"),
    ]
  }
  package var axis = 1
  package var blockSize = 0
  package var outputType: DType?
  package var precision: DType?
  package var saturate = true
  package init() {}
  package init(_ dtype: DType, axis: Int = 1) {
    outputType = dtype
    self.axis = axis
  }

  private func resultType(_ operands: [TensorType?]) throws(TypeError) -> DType {
    let zero = optional(operands, 2)
    if let zero, let outputType, zero.dtype != outputType {
      throw TypeError("'output_dtype' of 'QuantizeLinear' is \(outputType), the zero point is \(zero)", operand: 2)
    }
    let dtype = zero?.dtype ?? outputType ?? .u8
    guard DType.quantized.contains(dtype) else {
      throw TypeError("'QuantizeLinear' does not make \(dtype)", note: "it makes i8, u8, i16 and u16")
    }
    return dtype
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let scale = operands[1] else { throw TypeError("'QuantizeLinear' needs two operands") }
    guard DType.floats.contains(x.dtype) || x.dtype == .i32 else {
      throw TypeError("'QuantizeLinear' does not take \(x.dtype)", operand: 0)
    }
    guard DType.floats.contains(scale.dtype), precision?.isFloat ?? true else {
      throw TypeError("the scale of 'QuantizeLinear' must be a float, found \(scale)", operand: 1)
    }
    let dtype = try resultType(operands)
    _ = try QuantizedLayout(x, scale: scale, axis: axis, blockSize: blockSize, for: Self.name)
    try checkZeroPoint(optional(operands, 2), scale: scale, dtype, operand: 2, for: Self.name)
    return [TensorType(dtype, x.shape)]
  }

  package func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes? {
    guard blockSize == 0, let scale = types.operands[1], let axis = scaleAxis(axis, scale, movedBy: order) else {
      return nil
    }
    var moved = self
    moved.axis = axis
    return MovedAxes(moved, .first, order: order)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let scale = operands[1] else { throw TypeError("'QuantizeLinear' needs two operands") }
    let zero = optional(operands, 2)
    let dtype = try inferTypes(operands.map { $0?.type })[0].dtype
    let layout = try QuantizedLayout(x.type, scale: scale.type, axis: axis, blockSize: blockSize, for: Self.name)
    let division = precision ?? scale.dtype
    let source = x.dtype.isFloat ? x.dtype : division
    let strides = scale.strides
    var result = Reference(zeros: dtype, x.shape)
    forEachIndex(x.shape) { position, index in
      let place = layout.position(index, strides: strides)
      let divisor = scale.dtype.rounded(scale.reals[place])
      let quotient = division.rounded(source.rounded(x.double(position)) / divisor)
      result.integers[position] = dtype.quantized(quotient, zero: zero?.integers[place] ?? 0)
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let scale = types.operands[1],
      let layout = try? QuantizedLayout(x, scale: scale, axis: axis, blockSize: blockSize, for: Self.name)
    else { return .leaf }
    let dtype = types.results[0].dtype
    let zero = optional(types.operands, 2)
    let division = precision ?? scale.dtype
    let wide = division.computeType
    return .pointwise { context, index in
      let divisor = context.operand(1, at: layout.index(index, rank: scale.rank)).cast(to: wide)
      var quotient = context.operand(0, at: index).cast(to: wide) / divisor
      if division == .f16 { quotient = roundedToHalf(quotient) }
      if division == .bf16 { quotient = roundedToBFloat(quotient) }
      var value = Expr.unary(.round, quotient)
      if let zero {
        value = value + context.operand(2, at: layout.index(index, rank: zero.rank)).cast(to: wide)
      }
      return [value.cast(to: dtype)]
    }
  }

  package static var rules: [Rule] {
    [
      // Views of dequantised integers, quantised again as they were, are views of the integers.
      Rule("quantize-of-dequantized", on: QuantizeLinear.self) { quantize, context throws(TypeError) in
        guard var value = context.operands[0], let scale = context.constant(1), scale.dtype == .f32,
          quantize.precision ?? .f32 == .f32, scale.count <= 4096,
          (0..<scale.count).allSatisfy({ (1e-30...1e30).contains(scale.double($0)) })
        else { return nil }
        var views: [any Operation] = []
        while let node = context.builder.graph.producer(value), node.operands.count == 1, keepsOrder(node.operation),
          let source = node.operands[0]
        {
          views.append(node.operation)
          value = source
        }
        guard let node = context.builder.graph.producer(value), let inverse = node.operation as? DequantizeLinear,
          context.builder.type(value).dtype == .f32, let integers = node.operands[0],
          DType.quantized.contains(context.builder.type(integers).dtype),
          context.areEqual(context.operands[1], node.operands[1]),
          context.areEqual(optional(context.operands, 2), optional(node.operands, 2)),
          try quantize.resultType(context.operands.map { $0.map(context.builder.type) })
            == context.builder.type(integers).dtype,
          scale.count == 1 || views.isEmpty && quantize.axis == inverse.axis && quantize.blockSize == inverse.blockSize
        else { return nil }
        var result = integers
        for view in views.reversed() { result = try context.builder.emit(view, result) }
        return [result]
      }
    ]
  }

  /// Whether an operator only moves elements or picks the largest.
  private static func keepsOrder(_ operation: any Operation) -> Bool {
    switch operation {
    case let pool as MaxPool: !pool.indices
    case is Reshape, is Flatten, is Squeeze, is Unsqueeze, is Transpose, is Slice, is Expand: true
    default: false
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var quantize = QuantizeLinear()
    let shape = random.shape(minRank: 1, maxRank: 3)
    quantize.axis = random.int(-shape.count...shape.count - 1)
    let place = quantize.axis < 0 ? quantize.axis + shape.count : quantize.axis
    var scale: [Int] = []
    switch random.int(0...2) {
    case 0: break
    case 1: scale = [shape[place]]
    default:
      quantize.blockSize = random.int(1...4)
      scale = shape
      scale[place] = (shape[place] + quantize.blockSize - 1) / quantize.blockSize
    }
    let dtype = random.dtype([.i8, .u8, .i16, .u16])
    let float = random.dtype([.f32, .f16, .bf16])
    var operands: [TensorType?] = [
      TensorType(random.pick([float, .i32]), shape.map { Dim($0) }), TensorType(float, scale.map { Dim($0) }),
    ]
    if random.bool() {
      operands.append(TensorType(dtype, scale.map { Dim($0) }))
    } else {
      quantize.outputType = dtype
    }
    return Sample(quantize, operands, ranges: [0: -50...50, 1: 0.1...2, 2: 0...9])
  }
}
