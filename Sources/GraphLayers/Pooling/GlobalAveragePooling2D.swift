// SPDX-License-Identifier: Apache-2.0
// The mean of each channel over two axes.

import GraphIR
import GraphOps

package struct GlobalAveragePooling2D: GlobalPoolingLayer {
  package static let name = "GlobalAveragePooling2D"
  package static let summary = "The mean of each channel of [N, height, width, channels]."
  package static let spatialRank = 2
  package var options = GlobalPoolingOptions()
  package init() {}

  package static func pooled(
    _ context: inout LayerContext, _ x: ValueID, _ layout: SpatialLayout, mask: ValueID?, keepDims: Bool
  ) throws(TypeError) -> ValueID { try context.emit(ReduceMean(axes: layout.spatialAxes, keepDims: keepDims), x) }
}
