// SPDX-License-Identifier: Apache-2.0
// Axes split into parts that change places: what DepthToSpace and SpaceToDepth are made of.

import GraphIR
import TensorCore

/// A reshape to `parts`, a transpose by `order`, and a reshape to the result.
struct BlockMove: Sendable {
  var parts: [Dim]
  var order: [Int]
  var result: [Dim]

  /// Emits the move.
  func emit(_ x: ValueID?, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    let split = try builder.emit(Reshape(exactly: parts), x)
    return try builder.emit(Reshape(exactly: result), builder.emit(Transpose(perm: order), split))
  }

  /// The move that takes the result back to a shape.
  func inverse(to shape: [Dim]) -> BlockMove {
    var back = order
    for (place, axis) in order.enumerated() { back[axis] = place }
    return BlockMove(parts: order.map { parts[$0] }, order: back, result: shape)
  }
}
