// SPDX-License-Identifier: Apache-2.0
// Which queries see which keys.

import GraphIR
import GraphOps
import TensorCore

extension LayerContext {
  /// Both masks together; nil sees everything.
  mutating func both(_ a: ValueID?, _ b: ValueID?) throws(TypeError) -> ValueID? {
    guard let a, let b else { return a ?? b }
    return try emit(And(), a, b)
  }

  /// A mask as bools.
  mutating func bools(_ mask: ValueID) throws(TypeError) -> ValueID {
    type(mask).dtype == .bool ? mask : try emit(Cast(to: .bool), mask)
  }

  /// [queries, keys]: key j is seen by query i when j ≤ i (`causal`), and when |i − j| < window.
  mutating func bandMask(queries: Dim, keys: Dim, causal: Bool, window: Int?) throws(TypeError) -> ValueID? {
    if !causal && window == nil { return nil }
    let row = try emit(Unsqueeze(axes: [1]), try range(queries, .i32))
    let column = try emit(Unsqueeze(axes: [0]), try range(keys, .i32))
    var mask: ValueID?
    if causal { mask = try emit(GreaterOrEqual(), row, column) }
    if let window {
      let distance = try emit(Abs(), try emit(Sub(), row, column))
      mask = try both(mask, try emit(Less(), distance, try scalar(Double(window), like: distance)))
    }
    return mask
  }
}
