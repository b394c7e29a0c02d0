// SPDX-License-Identifier: Apache-2.0
// A size as a number, where it may be symbolic. Not an operator of ONNX, which takes sizes from tensors.

import GraphIR
import KernelIR
import TensorCore

package struct Dimension: Operation {
  package static let name = "Dimension"
  package static let summary = "A size as a scalar, such as the number of elements that a mean divides by."
  package static let operands: [Slot] = []
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("size", \.size, "the size"),
      Attribute("dtype", \.dtype, "the element type"),
    ]
  }
  package var size: Dim = 1
  package var dtype = DType.i64
  package init() {}
  package init(_ size: Dim, _ dtype: DType) {
    self.size = size
    self.dtype = dtype
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard DType.numbers.contains(dtype) else { throw TypeError("'Dimension' does not make \(dtype)") }
    guard size.isValid else { throw TypeError("the size of 'Dimension' is out of range") }
    return [TensorType(dtype, [])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let value = try staticSizes([size], for: Self.name)[0]
    if dtype.isFloat { return [Reference(dtype, [], reals: [Double(value)])] }
    return [Reference(dtype, [], integers: [wrap(Int64(value), to: dtype)])]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .pointwise { context, _ in [context.size(size).cast(to: dtype.computeType)] }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    Sample(Dimension(Dim(random.int(0...100)), random.dtype([.f32, .f64, .i32, .i64])), [])
  }
}
