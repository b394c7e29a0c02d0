// SPDX-License-Identifier: Apache-2.0
// The elementwise minimum of the inputs.

import GraphIR
import GraphOps
import TensorCore

package struct MinimumLayer: MergingLayer {
  package static let name = "Minimum"
  package static let summary = "The elementwise minimum of the inputs."
  package init() {}

  package static func combine(
    _ context: inout LayerContext, _ a: ValueID, _ b: ValueID
  ) throws(TypeError) -> ValueID { try context.emit(Min(), a, b) }
}
