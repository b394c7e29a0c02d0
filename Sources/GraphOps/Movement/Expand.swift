// SPDX-License-Identifier: Apache-2.0
// Broadcasting to a shape.

import GraphIR
import KernelIR
import TensorCore

package struct Expand: Operation {
  package static let name = "Expand"
  package static let summary =
    "The input broadcast with a shape (numpy's rule; the shape's own 1s keep the input's sizes)."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] { [Attribute("shape", \.shape, "the sizes to broadcast with")] }
  package var shape: [Dim] = []
  package init() {}
  package init(shape: [Dim]) { self.shape = shape }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Expand' needs an operand") }
    return [TensorType(type.dtype, try broadcast([type, TensorType(type.dtype, shape)], for: Self.name))]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'Expand' needs an operand") }
    let sizes = try inferTypes([input.type])[0].shape.compactMap(\.value)
    let strides = broadcastStrides(input.shape, to: sizes)
    return [input.gathering(sizes) { index in zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 } }]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .pointwise { context, index in [context.broadcast(0, at: index)] }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    return [try context.unbroadcast(seed, to: x)]
  }

  package static var rules: [Rule] {
    [
      Rule("expand-to-same", on: Expand.self) { expand, context throws(TypeError) in
        guard let type = context.type(0), let x = context.operands[0], try expand.inferTypes([type])[0] == type
        else { return nil }
        return [x]
      }
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape()
    let input = random.broadcastable(to: shape)
    return Sample(
      Expand(shape: shape.map { Dim($0) }), [TensorType(random.dtype([.f32, .i32, .bool]), input.map { Dim($0) })])
  }
}
