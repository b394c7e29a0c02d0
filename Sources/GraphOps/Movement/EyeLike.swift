// SPDX-License-Identifier: Apache-2.0
// Ones on a diagonal.

import GraphIR
import KernelIR
import TensorCore

package struct EyeLike: Operation {
  package static let name = "EyeLike"
  package static let summary = "A matrix of the input's shape with ones where column = row + k, else zeros."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("dtype", \.dtype, "the element type; without it the input's"),
      Attribute("k", \.k, "the diagonal: above the main one for positive, below for negative"),
    ]
  }
  package var dtype: DType?
  package var k = 0
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'EyeLike' needs an operand") }
    guard type.rank == 2 else { throw TypeError("'EyeLike' needs a matrix, found \(type)", operand: 0) }
    let result = dtype ?? type.dtype
    guard DType.everything.contains(result) else { throw TypeError("'EyeLike' does not make \(result)") }
    return [TensorType(result, type.shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'EyeLike' needs an operand") }
    var result = Reference(zeros: try inferTypes([input.type])[0].dtype, input.shape)
    forEachIndex(input.shape) { position, index in
      guard index[1].subtractingReportingOverflow(index[0]).partialValue == k else { return }
      if result.dtype.isFloat { result.reals[position] = 1 } else { result.integers[position] = 1 }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let dtype = types.results[0].dtype
    return .pointwise { _, index in
      [.select(.binary(.eq, index[1] - index[0], .int(k)), .constant(1, dtype), .constant(0, dtype))]
    }
  }

  /// Only the input's type matters.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = EyeLike()
    operation.k = random.int(-3...3)
    if random.bool() { operation.dtype = random.dtype([.f32, .i64, .bool]) }
    return Sample(
      operation, [TensorType(random.dtype([.f32, .f64, .u8]), [Dim(random.size()), Dim(random.size())])])
  }
}
