// SPDX-License-Identifier: Apache-2.0
// The rectifier with a slope for negative values.

import GraphIR
import GraphOps

package struct LeakyReLULayer: Layer {
  package static let name = "LeakyReLU"
  package static let summary = "x for x > 0, negative_slope · x below."
  package static var arguments: [Attribute<Self>] {
    [Attribute("negative_slope", \.negativeSlope, "the slope below 0")]
  }
  package static let keepsMask = true
  package var negativeSlope = 0.3
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard negativeSlope >= 0 else {
      throw TypeError("'negative_slope' of 'LeakyReLU' must not be negative, found \(negativeSlope)")
    }
    return result(try context.emit(LeakyRelu(alpha: negativeSlope), try context.floats(operand(inputs))))
  }
}
