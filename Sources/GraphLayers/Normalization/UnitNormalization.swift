// SPDX-License-Identifier: Apache-2.0
// Each sample scaled to length 1.

import GraphIR
import GraphOps
import TensorCore

package struct UnitNormalization: Layer {
  package static let name = "UnitNormalization"
  package static let summary = "x / √(Σ x²) over axes of each sample."
  package static var arguments: [Attribute<Self>] {
    [Attribute("axis", \.axis, "the axes that get length 1 together")]
  }
  package static let keepsMask = true
  package var axis: [Int] = [-1]
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let axes = try normalized(axis, rank: context.type(x).rank, emptyMeansAll: false, for: Self.name)
    return result(try context.unitLength(x, axes))
  }
}

extension LayerContext {
  /// x divided by its length over axes, which counts as at least 1e-12.
  mutating func unitLength(_ x: ValueID, _ axes: [Int]) throws(TypeError) -> ValueID {
    let length = try emit(ReduceL2(axes: axes), x)
    return try emit(Div(), x, try emit(Max(), length, try scalar(1e-12, like: x)))
  }
}
