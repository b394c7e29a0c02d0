// SPDX-License-Identifier: Apache-2.0
// Layers that change their input during training only.

import GraphIR
import GraphOps
import TensorCore

/// The identity outside of training.
package protocol TrainingOnlyLayer: Layer {
  /// Checks the arguments against the input.
  func check(_ input: TensorType) throws(TypeError)
}

extension TrainingOnlyLayer {
  package static var keepsMask: Bool { true }
  package func check(_ input: TensorType) throws(TypeError) {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    try check(context.type(x))
    return result(x)
  }

  /// Checks a share of elements.
  func checkRate(_ rate: Double) throws(TypeError) {
    guard rate >= 0, rate <= 1 else { throw TypeError("'rate' of '\(Self.name)' must be in 0...1, found \(rate)") }
  }
}
