// SPDX-License-Identifier: Apache-2.0
// The places that MaxPool took its elements from.

import GraphIR
import TensorCore

package struct MaxUnpool: Operation {
  package static let name = "MaxUnpool"
  package static let summary =
    "Zeros with each element of X at the flat position that indices name: MaxPool in reverse."
  package static let operands = [Slot("X"), Slot("I")]
  package static let results = [Slot("output")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("kernel_shape", \.kernelShape, "the window's size along each spatial axis"),
      Attribute("pads", \.pads, "padding: the starts of all spatial axes, then the ends; empty means 0"),
      Attribute("strides", \.strides, "the step between windows; empty means 1"),
      Attribute("output_shape", \.outputShape, "the result's sizes, where it is larger than windows tell"),
    ]
  }
  package var kernelShape: [Int] = []
  package var pads: [Int] = []
  package var strides: [Int] = []
  package var outputShape: [Dim] = []
  package init() {}

  /// The sizes that follow from the windows.
  private func unpooled(_ x: TensorType) throws(TypeError) -> [Dim] {
    let count = kernelShape.count
    guard count > 0, x.rank == count + 2, pads.isEmpty || pads.count == 2 * count,
      strides.isEmpty || strides.count == count
    else { throw TypeError("the attributes of 'MaxUnpool' do not fit \(x)", operand: 0) }
    var shape = Array(x.shape.prefix(2))
    for axis in 0..<count {
      let pad = pads.isEmpty ? Dim(0) : Dim(pads[axis]) + Dim(pads[count + axis])
      let stride = Dim(strides.isEmpty ? 1 : strides[axis])
      shape.append((x.shape[axis + 2] - 1) * stride + Dim(kernelShape[axis]) - pad)
    }
    guard shape.allSatisfy({ ($0.value ?? 0) >= 0 }) else {
      throw TypeError("'MaxUnpool' would make \(TensorType(x.dtype, shape)) of \(x)", operand: 0)
    }
    return shape
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let indices = operands[1] else { throw TypeError("'MaxUnpool' needs two operands") }
    guard DType.numbers.contains(x.dtype), indices == TensorType(.i64, x.shape) else {
      throw TypeError("the indices of 'MaxUnpool' are \(indices), expected \(TensorType(.i64, x.shape))", operand: 1)
    }
    let shape = try unpooled(x)
    if shape.reduce(Dim(1), *) == 0 && x.elementCount != 0 {
      throw TypeError("'MaxUnpool' would make \(TensorType(x.dtype, shape)) of \(x)", operand: 0)
    }
    guard outputShape.isEmpty || outputShape.count == shape.count else {
      throw TypeError("'output_shape' of 'MaxUnpool' has \(outputShape.count) sizes, expected \(shape.count)")
    }
    for (new, old) in zip(outputShape, shape) where !Dim.isKnown(old, atMost: new) {
      throw TypeError("'output_shape' of 'MaxUnpool' is smaller than \(TensorType(x.dtype, shape))")
    }
    return [TensorType(x.dtype, outputShape.isEmpty ? shape : outputShape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let indices = operands[1] else { throw TypeError("'MaxUnpool' needs two operands") }
    let shape = try staticSizes(inferTypes([x.type, indices.type])[0].shape, for: Self.name)
    let inner = try staticSizes(unpooled(x.type), for: Self.name)
    let (count, strides, target) = (inner.reduce(1, *), Reference.strides(inner), Reference.strides(shape))
    var result = Reference(zeros: x.dtype, shape)
    for position in 0..<x.count {
      var rest = clampedIndex(indices.integers[position], count)
      var place = 0
      for axis in inner.indices {
        place += rest / strides[axis] * target[axis]
        rest %= strides[axis]
      }
      ScatterReduction.none.apply(x, position, to: &result, place)
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let shape = try? unpooled(x) else { return .leaf }
    let result = types.results[0]
    return .decompose { builder, operands throws(TypeError) in
      guard let value = operands[0], let indices = operands[1] else {
        throw TypeError("'MaxUnpool' needs two operands")
      }
      let zeros = try builder.emit(ConstantOfShape([shape.reduce(Dim(1), *)], 0, x.dtype))
      let flat = try builder.emit(
        ScatterElements(axis: 0), zeros, try builder.reshaped(indices, [x.elementCount]),
        try builder.reshaped(value, [x.elementCount]))
      let after = zip(result.shape, shape).map { $0 - $1 }
      return [try builder.emit(Pad(pads: after.map { _ in 0 } + after), try builder.reshaped(flat, shape))]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = MaxUnpool()
    operation.kernelShape = [2, 2]
    operation.strides = [2, 2]
    let shape = [random.int(1...2), 1, random.int(1...3), random.int(1...3)]
    if random.bool() { operation.outputShape = [shape[0], 1, 2 * shape[2] + 1, 2 * shape[3]].map { Dim($0) } }
    let type = TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })
    return Sample(operation, [type, TensorType(.i64, type.shape)], ranges: [1: 0...Double(4 * shape.reduce(1, *) - 1)])
  }
}
