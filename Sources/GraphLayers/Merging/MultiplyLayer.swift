// SPDX-License-Identifier: Apache-2.0
// The product of the inputs.

import GraphIR
import GraphOps

package struct MultiplyLayer: MergingLayer {
  package static let name = "Multiply"
  package static let summary = "The product of the inputs."
  package init() {}

  package static func combine(
    _ context: inout LayerContext, _ a: ValueID, _ b: ValueID
  ) throws(TypeError) -> ValueID { try context.emit(Mul(), a, b) }
}
