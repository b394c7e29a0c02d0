// SPDX-License-Identifier: Apache-2.0
// The elementwise maximum of the inputs.

import GraphIR
import GraphOps
import TensorCore

package struct MaximumLayer: MergingLayer {
  package static let name = "Maximum"
  package static let summary = "The elementwise maximum of the inputs."
  package init() {}

  package static func combine(
    _ context: inout LayerContext, _ a: ValueID, _ b: ValueID
  ) throws(TypeError) -> ValueID { try context.emit(Max(), a, b) }
}
