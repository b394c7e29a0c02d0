// SPDX-License-Identifier: Apache-2.0
// Softmax of a quantised tensor.

import GraphIR
import TensorCore

package struct QLinearSoftmax: QuantizedFunction {
  package static let name = "QLinearSoftmax"
  package static let summary = "Softmax of a dequantised tensor, quantised again."
  package static let inputs = ["X"]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis, negative from the end"),
      Attribute("opset", \.opset, "13 or more: lines of one axis; other meanings are not taken"),
    ]
  }
  package var axis = -1
  package var opset = 13
  package var function: any Operation { Softmax(axis: axis) }
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let scale = operands[1], scale.elementCount == 1 else {
      throw TypeError("'QLinearSoftmax' needs a tensor and its scale")
    }
    // Before opset 13 all axes from `axis` on were one, which is the same for the last.
    guard opset >= 13 || axis == -1 || axis == x.rank - 1 else {
      throw TypeError("'QLinearSoftmax' of opset \(opset) takes the last axis only, found \(axis)")
    }
    let float = try DequantizeLinear(axis: 0).inferTypes([x, scale, optional(operands, 2)])[0]
    return try quantizedResult(
      try function.inferTypes([float])[0], optional(operands, 3), optional(operands, 4), like: x, for: Self.name)
  }
}
