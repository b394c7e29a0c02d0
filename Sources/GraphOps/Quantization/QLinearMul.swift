// SPDX-License-Identifier: Apache-2.0
// A product of quantised tensors.

import GraphIR
import TensorCore

package struct QLinearMul: QuantizedFunction {
  package static let name = "QLinearMul"
  package static let summary = "Mul of dequantised tensors, quantised again."
  package static let inputs = ["A", "B"]
  package var function: any Operation { Mul() }
  package init() {}
}
