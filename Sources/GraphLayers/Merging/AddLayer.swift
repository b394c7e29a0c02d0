// SPDX-License-Identifier: Apache-2.0
// The sum of the inputs.

import GraphIR
import GraphOps

package struct AddLayer: MergingLayer {
  package static let name = "Add"
  package static let summary = "The sum of the inputs."
  package init() {}

  package static func combine(
    _ context: inout LayerContext, _ a: ValueID, _ b: ValueID
  ) throws(TypeError) -> ValueID { try context.emit(Add(), a, b) }
}
