// SPDX-License-Identifier: Apache-2.0
// The largest element of each channel over three axes.

import GraphIR
import GraphOps

package struct GlobalMaxPooling3D: GlobalPoolingLayer {
  package static let name = "GlobalMaxPooling3D"
  package static let summary = "The largest element of each channel of [N, depth, height, width, channels]."
  package static let spatialRank = 3
  package var options = GlobalPoolingOptions()
  package init() {}

  package static func pooled(
    _ context: inout LayerContext, _ x: ValueID, _ layout: SpatialLayout, mask: ValueID?, keepDims: Bool
  ) throws(TypeError) -> ValueID { try context.emit(ReduceMax(axes: layout.spatialAxes, keepDims: keepDims), x) }
}
