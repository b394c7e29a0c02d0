// SPDX-License-Identifier: Apache-2.0
// The sizes of a tensor as numbers.

import GraphIR
import KernelIR
import TensorCore

package struct Shape: Operation {
  package static let name = "Shape"
  package static let summary = "The sizes of axes `start` to before `end`, as i64."
  package static let operands = [Slot("data")]
  package static let results = [Slot("shape")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("start", \.start, "the first axis, negative from the end; clamped"),
      Attribute("end", \.end, "the axis after the last, negative from the end; clamped; without it all"),
    ]
  }
  package var start = 0
  package var end: Int?
  package init() {}

  /// The sizes it picks of a shape.
  package func sizes(_ shape: [Dim]) -> [Dim] {
    func clamped(_ axis: Int) -> Int { Swift.min(Swift.max(axis < 0 ? axis + shape.count : axis, 0), shape.count) }
    let (first, last) = (clamped(start), end.map(clamped) ?? shape.count)
    return first < last ? Array(shape[first..<last]) : []
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Shape' needs an operand") }
    return [TensorType(.i64, [Dim(sizes(type.shape).count)])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'Shape' needs an operand") }
    let values = try staticSizes(sizes(input.type.shape), for: Self.name)
    return [Reference(.i64, [values.count], integers: values.map(Int64.init))]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0] else { return .leaf }
    let sizes = sizes(type.shape)
    return .pointwise { context, index in
      let numbers = sizes.map { context.size($0) }
      let last = numbers.last ?? .int(0)
      return [
        numbers.indices.dropLast().reversed().reduce(last) {
          .select(.binary(.eq, index[0], .int($1)), numbers[$1], $0)
        }
      ]
    }
  }

  /// Sizes do not depend on values.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Shape()
    operation.start = random.int(-5...5)
    if random.bool() { operation.end = random.int(-5...5) }
    return Sample(operation, [TensorType(random.dtype([.f32, .bool]), random.shape().map { Dim($0) })])
  }
}
