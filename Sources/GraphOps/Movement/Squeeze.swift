// SPDX-License-Identifier: Apache-2.0
// Axes of size 1 dropped.

import GraphIR
import KernelIR
import TensorCore

package struct Squeeze: Operation {
  package static let name = "Squeeze"
  package static let summary = "The same elements without axes of size 1; without `axes` every axis known to be 1."
  package static let operands = [Slot("data")]
  package static let results = [Slot("squeezed")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("axes", \.axes, "the axes to drop, negative from the end; empty means all of size 1")]
  }
  package var axes: [Int] = []
  package init() {}
  package init(axes: [Int]) { self.axes = axes }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Squeeze' needs an operand") }
    if axes.isEmpty { return [TensorType(type.dtype, type.shape.filter { $0 != 1 })] }
    let dropped = try normalized(axes, rank: type.rank, emptyMeansAll: false, for: Self.name)
    for axis in dropped where type.shape[axis] != 1 {
      throw TypeError("axis \(axis) of \(type) has size \(type.shape[axis]), 'Squeeze' needs 1", operand: 0)
    }
    return [TensorType(type.dtype, type.shape.indices.filter { !dropped.contains($0) }.map { type.shape[$0] })]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var value = operands[0] else { throw TypeError("'Squeeze' needs an operand") }
    value.shape = try inferTypes([value.type])[0].shape.compactMap(\.value)
    return [value]
  }

  package func lower(_ types: NodeTypes) -> Lowering { .reshape }

  /// The seed with the operand's sizes.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    try context.reshapedSeed()
  }

  package static var rules: [Rule] { [viewAsReshape(Squeeze.self)] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var shape = random.shape(maxRank: 3)
    var axes: [Int] = []
    for _ in 0..<random.int(0...2) {
      let axis = random.int(0...shape.count)
      shape.insert(1, at: axis)
      axes = axes.map { $0 >= axis ? $0 + 1 : $0 } + [axis]
    }
    if random.bool() { axes = axes.map { $0 - shape.count } }
    return Sample(Squeeze(axes: axes), [TensorType(random.dtype([.f32, .i32, .bool]), shape.map { Dim($0) })])
  }
}
