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
  package var maxValue: Double?
  package var negativeSlope = 0.0
  package var threshold = 0.0
  package init() {}

  /// x where x ≥ threshold, negative_slope · (x − threshold) below, then at most max_value.
  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard let x = inputs[0] else { throw TypeError("'ReLU' needs an input") }
    let dtype = context.type(x).dtype
    var y: ValueID
    if threshold == 0 {
      y = negativeSlope == 0 ? try context.emit(Relu(), x) : try context.emit(LeakyRelu(alpha: negativeSlope), x)
    } else {
      let start = try context.builder.scalar(threshold, dtype)
      let slope = try context.builder.scalar(negativeSlope, dtype)
      let below = try context.emit(Mul(), slope, try context.emit(Sub(), x, start))
      y = try context.emit(Where(), try context.emit(GreaterOrEqual(), x, start), x, below)
    }
    if let maxValue { y = try context.emit(Min(), y, try context.builder.scalar(maxValue, dtype)) }
    return [LayerOutput("output", y)]
  }
}
