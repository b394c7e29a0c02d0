// SPDX-License-Identifier: Apache-2.0
// Small integers times a scale.

import GraphIR
import KernelIR
import TensorCore

/// The product is computed in f32 (f64 with an f64 scale) and rounded once to the result's type.
package struct DequantizeLinear: Operation {
  package static let name = "DequantizeLinear"
  package static let summary = "(x - zero_point) · scale, for a tensor, an axis or blocks of one."
  package static let operands = [Slot("x"), Slot("x_scale"), Slot("x_zero_point", .optional)]
  package static let results = [Slot("y")]
  package static let accuracy = Accuracy.ulps(1)
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis of a scale that is no scalar"),
      Attribute("block_size", \.blockSize, "neighbours along the axis that share a scale; 0: all, or one each"),
      Attribute("output_dtype", \.outputType, "the result's float type; without it the scale's"),
    ]
  }
  package var axis = 1
  package var blockSize = 0
  package var outputType: DType?
  package init() {}
  package init(axis: Int, blockSize: Int = 0) {
    self.axis = axis
    self.blockSize = blockSize
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let scale = operands[1] else {
      throw TypeError("'DequantizeLinear' needs two operands")
    }
    guard DType.dequantizable.contains(x.dtype) else {
      throw TypeError("'DequantizeLinear' does not take \(x.dtype)", operand: 0)
    }
    guard DType.floats.contains(scale.dtype), outputType?.isFloat ?? true else {
      throw TypeError("the scale of 'DequantizeLinear' must be a float, found \(scale)", operand: 1)
    }
    _ = try QuantizedLayout(x, scale: scale, axis: axis, blockSize: blockSize, for: Self.name)
    try checkZeroPoint(optional(operands, 2), scale: scale, x.dtype, operand: 2, for: Self.name)
    return [TensorType(outputType ?? scale.dtype, x.shape)]
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
    guard let x = operands[0], let scale = operands[1] else {
      throw TypeError("'DequantizeLinear' needs two operands")
    }
    let dtype = try inferTypes(operands.map { $0?.type })[0].dtype
    let zero = optional(operands, 2)
    let layout = try QuantizedLayout(x.type, scale: scale.type, axis: axis, blockSize: blockSize, for: Self.name)
    let strides = scale.strides
    var result = Reference(zeros: dtype, x.shape)
    forEachIndex(x.shape) { position, index in
      let place = layout.position(index, strides: strides)
      result.reals[position] = Double(x.integers[position] - (zero?.integers[place] ?? 0)) * scale.reals[place]
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let scale = types.operands[1],
      let layout = try? QuantizedLayout(x, scale: scale, axis: axis, blockSize: blockSize, for: Self.name)
    else { return .leaf }
    let wide = scale.dtype.computeType
    let zero = optional(types.operands, 2)
    let target = types.results[0].dtype.computeType
    return .pointwise { context, index in
      var value = context.operand(0, at: index)
      if let zero {
        // A difference of 32-bit integers has 33 bits.
        let middle: DType = x.dtype == .i32 ? .i64 : .i32
        let offset = context.operand(2, at: layout.index(index, rank: zero.rank))
        value = value.cast(to: middle) - offset.cast(to: middle)
      }
      let factor = context.operand(1, at: layout.index(index, rank: scale.rank))
      return [(value.cast(to: wide) * factor.cast(to: wide)).cast(to: target)]
    }
  }

  /// d/dscale = x - zero, summed over the elements of each scale.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    var gradients: [ValueID?] = context.operands.map { _ in nil }
    guard let seed = context.seeds[0], let x = context.operands[0], let scale = context.operands[1] else {
      return gradients
    }
    let (xType, scaleType) = (context.type(x), context.type(scale))
    let layout = try QuantizedLayout(xType, scale: scaleType, axis: axis, blockSize: blockSize, for: Self.name)
    var plain = DequantizeLinear(axis: axis, blockSize: blockSize)
    plain.outputType = scaleType.dtype
    let one = try context.emit(ConstantOfShape(scaleType.shape, 1, scaleType.dtype))
    let integers = try context.builder.emitAny(plain, [x, one, optional(context.operands, 2)])[0]
    let product = try context.mul(try context.emit(Cast(to: scaleType.dtype), seed), integers)
    switch layout.kind {
    case .tensor:
      let sum = try context.emit(ReduceSum(axes: Array(xType.shape.indices), keepDims: false), product)
      gradients[1] = try context.emit(Reshape(exactly: scaleType.shape), sum)
    case .axis(let axis):
      let others = xType.shape.indices.filter { $0 != axis }
      gradients[1] = others.isEmpty ? product : try context.emit(ReduceSum(axes: others, keepDims: false), product)
    case .blocks(let axis, let size):
      let count = try context.emit(NumberRange(count: xType.shape[axis], .i64))
      let block = try context.div(count, try context.scalar(Double(size), like: count))
      gradients[1] = try context.emit(ScatterAdd(axis: axis, size: scaleType.shape[axis]), block, product)
    }
    return gradients
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var dequantize = DequantizeLinear()
    let shape = random.shape(minRank: 1, maxRank: 3)
    dequantize.axis = random.int(-shape.count...shape.count - 1)
    let place = dequantize.axis < 0 ? dequantize.axis + shape.count : dequantize.axis
    var scale: [Int] = []
    switch random.int(0...2) {
    case 0: break
    case 1: scale = [shape[place]]
    default:
      dequantize.blockSize = random.int(1...4)
      scale = shape
      scale[place] = (shape[place] + dequantize.blockSize - 1) / dequantize.blockSize
    }
    let dtype = random.dtype([.i8, .u8, .i16, .u16, .i32, .i4, .u4])
    let scaleType = TensorType(random.dtype([.f32, .f16]), scale.map { Dim($0) })
    var operands: [TensorType?] = [TensorType(dtype, shape.map { Dim($0) }), scaleType]
    if random.bool() { operands.append(TensorType(dtype, scaleType.shape)) }
    return Sample(dequantize, operands, ranges: [0: -7...7, 1: 0.1...2, 2: 0...3])
  }
}
