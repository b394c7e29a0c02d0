// SPDX-License-Identifier: Apache-2.0
// The first input minus the second.

import GraphIR
import GraphOps

package struct SubtractLayer: MergingLayer {
  package static let name = "Subtract"
  package static let summary = "The first input minus the second."
  package static let inputs = [Slot("minuend"), Slot("subtrahend")]
  package init() {}

  package static func combine(
    _ context: inout LayerContext, _ a: ValueID, _ b: ValueID
  ) throws(TypeError) -> ValueID { try context.emit(Sub(), a, b) }
}
