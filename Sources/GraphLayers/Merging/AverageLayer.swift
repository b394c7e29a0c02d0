// SPDX-License-Identifier: Apache-2.0
// The mean of the inputs.

import GraphIR
import GraphOps

package struct AverageLayer: MergingLayer {
  package static let name = "Average"
  package static let summary = "The mean of the inputs."
  package init() {}

  package static func combine(
    _ context: inout LayerContext, _ a: ValueID, _ b: ValueID
  ) throws(TypeError) -> ValueID { try context.emit(Add(), a, b) }

  package static func finish(
    _ context: inout LayerContext, _ sum: ValueID, count: Int
  ) throws(TypeError) -> ValueID { try context.emit(Div(), sum, try context.scalar(Double(count), like: sum)) }
}
