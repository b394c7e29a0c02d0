// SPDX-License-Identifier: Apache-2.0
// The mean of each channel over three axes.

import GraphIR
import GraphOps

package struct GlobalAveragePooling3D: GlobalPoolingLayer {
  package static let name = "GlobalAveragePooling3D"
  package static let summary = "The mean of each channel of [N, depth, height, width, channels]."
  package static let spatialRank = 3
  package var options = GlobalPoolingOptions()
  package init() {}

  package static func pooled(
    _ context: inout LayerContext, _ x: ValueID, _ layout: SpatialLayout, mask: ValueID?, keepDims: Bool
  ) throws(TypeError) -> ValueID { try context.emit(ReduceMean(axes: layout.spatialAxes, keepDims: keepDims), x) }
}
