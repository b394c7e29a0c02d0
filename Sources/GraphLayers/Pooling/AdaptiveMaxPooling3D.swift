// SPDX-License-Identifier: Apache-2.0
// The largest element of windows that divide three axes into a given number of parts.

import GraphIR
import GraphOps

package struct AdaptiveMaxPooling3D: AdaptivePoolingLayer {
  package static let name = "AdaptiveMaxPooling3D"
  package static let summary =
    "The largest element of each of output_size windows that cover [N, depth, height, width, channels]."
  package static let spatialRank = 3
  package var options = AdaptivePoolingOptions()
  package init() {}

  package static func reduced(
    _ context: inout LayerContext, _ x: ValueID, axis: Int
  ) throws(TypeError) -> ValueID { try context.emit(ReduceMax(axes: [axis]), x) }
}
