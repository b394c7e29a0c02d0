// SPDX-License-Identifier: Apache-2.0
// The largest of the inputs at each place.

import GraphIR
import GraphOps

package struct MaximumLayer: MergingLayer {
  package static let name = "Maximum"
  package static let summary = "The largest of the inputs at each place."
  package init() {}

  package static func combine(
    _ context: inout LayerContext, _ a: ValueID, _ b: ValueID
  ) throws(TypeError) -> ValueID { try context.emit(Max(), a, b) }
}
