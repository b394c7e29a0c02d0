// SPDX-License-Identifier: Apache-2.0
// Layers that combine several inputs elementwise.

import GraphIR
import GraphOps
import TensorCore

/// Two or more inputs combined from left to right, with broadcasting.
package protocol MergingLayer: Layer {
  static func combine(_ context: inout LayerContext, _ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID
  /// What is made of all of them together.
  static func finish(_ context: inout LayerContext, _ all: ValueID, count: Int) throws(TypeError) -> ValueID
}

extension MergingLayer {
  package static var inputs: [Slot] { [Slot("inputs", .variadic)] }

  package static func finish(
    _ context: inout LayerContext, _ all: ValueID, count: Int
  ) throws(TypeError) -> ValueID { all }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let values = inputs.compactMap { $0 }
    guard var all = values.first, values.count > 1 else {
      throw TypeError("'\(Self.name)' needs at least two inputs, found \(values.count)")
    }
    for value in values.dropFirst() { all = try Self.combine(&context, all, value) }
    let y = try Self.finish(&context, all, count: values.count)
    // A step counts when it does in any input.
    let masks = values.map { context.masks[$0] }
    if var mask = masks[0], !masks.contains(where: { $0 == nil }) {
      for other in masks.dropFirst() { if let other { mask = try context.emit(Or(), mask, other) } }
      context.masks[y] = mask
    }
    return result(y)
  }
}
