// SPDX-License-Identifier: Apache-2.0
// The number of elements of a tensor.

import GraphIR
import KernelIR
import TensorCore

package struct Size: Operation {
  package static let name = "Size"
  package static let summary = "The number of elements, as an i64 scalar."
  package static let operands = [Slot("data")]
  package static let results = [Slot("size")]
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] { [TensorType(.i64, [])] }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'Size' needs an operand") }
    return [Reference(.i64, [], integers: [Int64(input.count)])]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0] else { return .leaf }
    return .pointwise { context, _ in [context.size(type.elementCount)] }
  }

  /// The number does not depend on values.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    Sample(Size(), [TensorType(random.dtype([.f32, .bool]), random.shape().map { Dim($0) })])
  }
}
