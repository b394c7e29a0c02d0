// SPDX-License-Identifier: Apache-2.0
// What Keras' upsampling layers share.

import GraphIR
import GraphOps
import TensorCore

extension LayerContext {
  /// Every element of axes repeated side by side.
  mutating func repeated(_ x: ValueID, _ axes: [Int], _ counts: [Int]) throws(TypeError) -> ValueID {
    let shape = type(x).shape
    var (split, spread, joined): ([Dim], [Dim], [Dim]) = ([], [], [])
    for (axis, size) in shape.enumerated() {
      let count = axes.firstIndex(of: axis).map { counts[$0] } ?? 1
      split.append(size)
      spread.append(size)
      joined.append(size * Dim(count))
      if count > 1 {
        split.append(1)
        spread.append(Dim(count))
      }
    }
    let wide = try emit(Expand(shape: spread), try emit(Reshape(exactly: split), x))
    return try emit(Reshape(exactly: joined), wide)
  }
}
