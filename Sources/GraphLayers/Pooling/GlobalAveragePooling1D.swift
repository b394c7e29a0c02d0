// SPDX-License-Identifier: Apache-2.0
// The mean of each channel over the steps of a sequence.

import GraphIR
import GraphOps
import TensorCore

package struct GlobalAveragePooling1D: GlobalPoolingLayer {
  package static let name = "GlobalAveragePooling1D"
  package static let summary = "The mean of each channel of [N, steps, channels], over the steps that a mask keeps."
  package static let spatialRank = 1
  package static let inputs = [Slot("inputs"), Slot("mask", .optional)]
  package var options = GlobalPoolingOptions()
  package init() {}

  package static func pooled(
    _ context: inout LayerContext, _ x: ValueID, _ layout: SpatialLayout, mask: ValueID?, keepDims: Bool
  ) throws(TypeError) -> ValueID {
    guard let mask else {
      return try context.emit(ReduceMean(axes: layout.spatialAxes, keepDims: keepDims), x)
    }
    let aligned = try context.emit(Unsqueeze(axes: [layout.channelAxis]), mask)
    let kept = try context.emit(Where(), aligned, x, try context.scalar(0, like: x))
    let count = try context.emit(Cast(to: context.type(x).dtype), aligned)
    let sum = ReduceSum(axes: layout.spatialAxes, keepDims: keepDims)
    return try context.emit(Div(), try context.emit(sum, kept), try context.emit(sum, count))
  }
}
