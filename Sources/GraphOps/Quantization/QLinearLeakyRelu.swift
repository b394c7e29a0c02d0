// SPDX-License-Identifier: Apache-2.0
// LeakyRelu of a quantised tensor.

import GraphIR
import TensorCore

package struct QLinearLeakyRelu: QuantizedFunction {
  package static let name = "QLinearLeakyRelu"
  package static let summary = "LeakyRelu of a dequantised tensor, quantised again."
  package static let inputs = ["X"]
  package static var attributes: [Attribute<Self>] { [Attribute("alpha", \.alpha, "the slope for negative values")] }
  package var alpha = 0.01
  package var function: any Operation {
    var leaky = LeakyRelu()
    leaky.alpha = alpha
    return leaky
  }
  package init() {}
}
