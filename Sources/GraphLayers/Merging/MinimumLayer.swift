// SPDX-License-Identifier: Apache-2.0
// The smallest of the inputs at each place.

import GraphIR
import GraphOps

package struct MinimumLayer: MergingLayer {
  package static let name = "Minimum"
  package static let summary = "The smallest of the inputs at each place."
  package init() {}

  package static func combine(
    _ context: inout LayerContext, _ a: ValueID, _ b: ValueID
  ) throws(TypeError) -> ValueID { try context.emit(Min(), a, b) }
}
