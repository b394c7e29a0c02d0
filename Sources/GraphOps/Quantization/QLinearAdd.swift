// SPDX-License-Identifier: Apache-2.0
// A sum of quantised tensors.

import GraphIR
import TensorCore

package struct QLinearAdd: QuantizedFunction {
  package static let name = "QLinearAdd"
  package static let summary = "Add of dequantised tensors, quantised again."
  package static let inputs = ["A", "B"]
  package var function: any Operation { Add() }
  package init() {}
}
