// SPDX-License-Identifier: Apache-2.0
// The largest element of each channel over one axis.

import GraphIR
import GraphOps

package struct GlobalMaxPooling1D: GlobalPoolingLayer {
  package static let name = "GlobalMaxPooling1D"
  package static let summary = "The largest element of each channel of [N, steps, channels]."
  package static let spatialRank = 1
  package var options = GlobalPoolingOptions()
  package init() {}

  package static func pooled(
    _ context: inout LayerContext, _ x: ValueID, _ layout: SpatialLayout, mask: ValueID?, keepDims: Bool
  ) throws(TypeError) -> ValueID { try context.emit(ReduceMax(axes: layout.spatialAxes, keepDims: keepDims), x) }
}
