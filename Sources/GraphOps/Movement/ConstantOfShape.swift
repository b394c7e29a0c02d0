// SPDX-License-Identifier: Apache-2.0
// A tensor with the same number everywhere.

import GraphIR
import KernelIR
import TensorCore

package struct ConstantOfShape: Operation {
  package static let name = "ConstantOfShape"
  package static let summary = "A tensor of a shape with one value in every element."
  package static let operands: [Slot] = []
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("shape", \.shape, "the sizes"),
      Attribute("value", \.value, "the number in every element"),
      Attribute("dtype", \.dtype, "the element type"),
    ]
  }
  package var shape: [Dim] = []
  package var value = 0.0
  package var dtype = DType.f32
  package init() {}
  package init(_ shape: [Dim], _ value: Double, _ dtype: DType) {
    self.shape = shape
    self.value = value
    self.dtype = dtype
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard DType.everything.contains(dtype) else { throw TypeError("'ConstantOfShape' does not make \(dtype)") }
    return [TensorType(dtype, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let sizes = try staticSizes(shape, for: Self.name)
    let count = sizes.reduce(1, *)
    if dtype.isFloat { return [Reference(dtype, sizes, reals: [Double](repeating: value, count: count))] }
    let number = dtype.integer(saturating: value)
    return [Reference(dtype, sizes, integers: [Int64](repeating: number, count: count))]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let number = dtype.isFloat ? Expr.constant(value, dtype) : .integer(dtype.integer(saturating: value), dtype)
    return .pointwise { _, _ in [number] }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let dtype = random.dtype([.f32, .f64, .i64, .u8, .bool])
    return Sample(ConstantOfShape(random.shape().map { Dim($0) }, random.double(-3...3), dtype), [])
  }
}
