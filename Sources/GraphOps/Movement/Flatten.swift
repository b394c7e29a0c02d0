// SPDX-License-Identifier: Apache-2.0
// Two axes out of many.

import GraphIR
import KernelIR
import TensorCore

package struct Flatten: Operation {
  package static let name = "Flatten"
  package static let summary = "A matrix: the axes before `axis` become its rows, the others its columns."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("axis", \.axis, "the first axis of the columns, negative from the end")]
  }
  package var axis = 1
  package init() {}
  package init(axis: Int) { self.axis = axis }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Flatten' needs an operand") }
    let split = axis < 0 ? axis + type.rank : axis
    guard (0...type.rank).contains(split) else {
      throw TypeError(
        "axis \(axis) of 'Flatten' is outside a tensor of rank \(type.rank)", operand: 0,
        note: "it is in \(-type.rank)...\(type.rank)")
    }
    let rows = type.shape.prefix(split).reduce(Dim(1), *)
    return [TensorType(type.dtype, [rows, type.shape.dropFirst(split).reduce(Dim(1), *)])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var value = operands[0] else { throw TypeError("'Flatten' needs an operand") }
    value.shape = try inferTypes([value.type])[0].shape.compactMap(\.value)
    return [value]
  }

  package func lower(_ types: NodeTypes) -> Lowering { .reshape }

  /// The seed with the operand's sizes.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    try context.reshapedSeed()
  }

  package static var rules: [Rule] { [viewAsReshape(Flatten.self)] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape()
    return Sample(
      Flatten(axis: random.int(-shape.count...shape.count)),
      [TensorType(random.dtype([.f32, .f64, .i8]), shape.map { Dim($0) })])
  }
}
