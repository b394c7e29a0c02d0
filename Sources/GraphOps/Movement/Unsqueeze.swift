// SPDX-License-Identifier: Apache-2.0
// Axes of size 1 inserted.

import GraphIR
import KernelIR
import TensorCore

package struct Unsqueeze: Operation {
  package static let name = "Unsqueeze"
  package static let summary = "The same elements with axes of size 1 inserted."
  package static let operands = [Slot("data")]
  package static let results = [Slot("expanded")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("axes", \.axes, "where the new axes are in the result, negative from its end")]
  }
  package var axes: [Int] = []
  package init() {}
  package init(axes: [Int]) { self.axes = axes }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Unsqueeze' needs an operand") }
    var shape = type.shape
    let inserted = try normalized(axes, rank: type.rank + axes.count, emptyMeansAll: false, for: Self.name)
    for axis in inserted { shape.insert(1, at: axis) }
    return [TensorType(type.dtype, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var value = operands[0] else { throw TypeError("'Unsqueeze' needs an operand") }
    value.shape = try inferTypes([value.type])[0].shape.compactMap(\.value)
    return [value]
  }

  package func lower(_ types: NodeTypes) -> Lowering { .reshape }

  /// The seed with the operand's sizes.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    try context.reshapedSeed()
  }

  package static var rules: [Rule] { [viewAsReshape(Unsqueeze.self)] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(maxRank: 3)
    let rank = shape.count + 2
    let first = random.int(0...rank - 1)
    let axes = random.bool() ? [first] : [first, (first + 1) % rank - rank]
    let legal = axes.count == 1 ? [min(first, shape.count)] : axes
    return Sample(Unsqueeze(axes: legal), [TensorType(random.dtype([.f32, .u16]), shape.map { Dim($0) })])
  }
}
