// SPDX-License-Identifier: Apache-2.0
// The logistic function of a quantised tensor.

import GraphIR
import TensorCore

package struct QLinearSigmoid: QuantizedFunction {
  package static let name = "QLinearSigmoid"
  package static let summary = "Sigmoid of dequantised tensors, quantised again."
  package static let inputs = ["X"]
  package var function: any Operation { Sigmoid() }
  package init() {}
}
