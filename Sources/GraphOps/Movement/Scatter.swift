// SPDX-License-Identifier: Apache-2.0
// ScatterElements by its first name.

import GraphIR
import TensorCore

package struct Scatter: Operation {
  package static let name = "Scatter"
  package static let summary = "data with elements of an axis replaced by updates: the former name of ScatterElements."
  package static let operands = [Slot("data"), Slot("indices"), Slot("updates")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("axis", \.axis, "the axis to write to, negative from the end")]
  }
  package var axis = 0
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    try ScatterElements(axis: axis).inferTypes(operands)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    try ScatterElements(axis: axis).evaluate(operands)
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, operands throws(TypeError) in try builder.emitAny(ScatterElements(axis: axis), operands) }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var scatter = Scatter()
    let size = random.int(2...7)
    let type = TensorType(.f32, [Dim(size), 3])
    scatter.axis = random.pick([0, -2])
    return Sample(
      scatter, [type, TensorType(.i64, [1, 3]), TensorType(.f32, [1, 3])], ranges: [1: Double(-size)...Double(size - 1)])
  }
}
