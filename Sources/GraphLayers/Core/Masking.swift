// SPDX-License-Identifier: Apache-2.0
// Steps whose features all have one value, left out by the layers behind.

import GraphIR
import GraphOps
import TensorCore

package struct Masking: Layer {
  package static let name = "Masking"
  package static let summary =
    "[N, steps, features] whose steps of mask_value in every feature are skipped by later layers."
  package static var arguments: [Attribute<Self>] {
    [Attribute("mask_value", \.maskValue, "what every feature of a left-out step is")]
  }
  package var maskValue = 0.0
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    guard context.type(x).rank >= 2 else {
      throw TypeError("'Masking' needs an input [N, steps, features…], found \(context.type(x))", operand: 0)
    }
    let same = try context.emit(Equal(), x, try context.scalar(maskValue, like: x))
    let counted = try context.emit(Cast(to: .i32), try context.emit(Not(), same))
    let most = try context.emit(ReduceMax(axes: [-1]), counted)
    let isKept = try context.emit(Greater(), most, try context.scalar(0, like: most))
    let y = try context.emit(Where(), isKept, x, try context.scalar(0, like: x))
    context.masks[y] = try context.emit(Squeeze(axes: [-1]), isKept)
    return result(y)
  }
}
