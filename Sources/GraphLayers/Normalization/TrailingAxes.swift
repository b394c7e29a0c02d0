// SPDX-License-Identifier: Apache-2.0
// Axes that a layer works on, moved to the end and back.

import GraphIR
import GraphOps
import TensorCore

extension LayerContext {
  /// What `body` makes of a value whose `axes` (ascending) are the last ones, with the axes back in their places.
  mutating func withTrailing(
    _ axes: [Int], of x: ValueID, _ body: (inout LayerContext, ValueID) throws(TypeError) -> ValueID
  ) throws(TypeError) -> ValueID {
    let rank = type(x).rank
    if axes == Array((rank - axes.count)..<rank) { return try body(&self, x) }
    let order = (0..<rank).filter { !axes.contains($0) } + axes
    var inverse = order
    for (place, axis) in order.enumerated() { inverse[axis] = place }
    let y = try body(&self, try emit(Transpose(perm: order), x))
    return try emit(Transpose(perm: inverse), y)
  }

  /// A constant of ones.
  mutating func ones(_ shape: [Dim], _ dtype: DType) throws(TypeError) -> ValueID {
    let sizes = shape.compactMap(\.value)
    guard sizes.count == shape.count, let count = Tensor.count(of: sizes), count <= 1 << 31,
      let tensor = Tensor(dtype, sizes, doubles: [Double](repeating: 1, count: count))
    else { throw TypeError("the normalised axes must have known sizes") }
    return try builder.constant(tensor)
  }
}
