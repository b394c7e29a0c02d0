// SPDX-License-Identifier: Apache-2.0
// Layers that combine several inputs elementwise.

import GraphIR
import GraphOps
import TensorCore

/// Two or more inputs combined from left to right, with broadcasting.
package protocol MergingLayer: Layer {
  static func combine(
    _ context: inout LayerContext, _ a: ValueID, _ b: ValueID
  ) throws(TypeError) -> ValueID
}

extension MergingLayer {
  package static var inputs: [Slot] { [Slot("inputs", .variadic)] }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let values = inputs.compactMap { $0 }
    guard var result = values.first, values.count > 1 else {
      throw TypeError("'\(Self.name)' needs at least two inputs, found \(values.count)")
    }
    for value in values.dropFirst() { result = try Self.combine(&context, result, value) }
    return [LayerOutput("output", result)]
  }
}
