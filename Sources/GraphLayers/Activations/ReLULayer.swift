// SPDX-License-Identifier: Apache-2.0
// The rectifier with Keras' options.

import GraphIR
import GraphOps
import TensorCore

package struct ReLULayer: Layer {
  package static let name = "ReLU"
  package static let summary = "min(max(x, 0), max_value), with a slope below the threshold."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("max_value", \.maxValue, "the largest result; none for no limit"),
      Attribute("negative_slope", \.negativeSlope, "the slope below the threshold"),
      Attribute("threshold", \.threshold, "where the rectifier begins"),
    ]
  }
  package static let keepsMask = true
  package var maxValue: Double?
  package var negativeSlope = 0.0
  package var threshold = 0.0
  package init() {}

  /// x where x > threshold, at most max_value; negative_slope · (x − threshold) elsewhere.
  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    guard (maxValue ?? 0) >= 0, negativeSlope >= 0, threshold >= 0 else {
      throw TypeError("'max_value', 'negative_slope' and 'threshold' of 'ReLU' must not be negative")
    }
    var y: ValueID
    if threshold == 0 {
      y = negativeSlope == 0 ? try context.emit(Relu(), x) : try context.emit(LeakyRelu(alpha: negativeSlope), x)
    } else {
      let start = try context.scalar(threshold, like: x)
      let below = try context.emit(
        Mul(), try context.scalar(negativeSlope, like: x), try context.emit(Sub(), x, start))
      y = try context.emit(Where(), try context.emit(Greater(), x, start), x, below)
    }
    if let maxValue { y = try context.emit(Min(), y, try context.scalar(maxValue, like: x)) }
    return result(y)
  }
}
