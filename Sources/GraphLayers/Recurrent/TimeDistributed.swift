// SPDX-License-Identifier: Apache-2.0
// A layer on every step of a sequence.

import GraphIR
import GraphOps
import TensorCore

package struct TimeDistributed: WrapperLayer {
  package static let name = "TimeDistributed"
  package static let summary = "A layer on each step of [N, steps, …], such as TimeDistributed(Dense(8))."
  package static let inputs = [Slot("inputs"), Slot("mask", .optional)]
  package static let keepsMask = true
  package static var arguments: [Attribute<Self>] { [Attribute("layer", \.text, "the layer")] }
  package var text = ""
  package var layers: [String: any Layer] = [:]
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    let type = context.type(x)
    guard type.rank >= 3 else {
      throw TypeError("'TimeDistributed' needs an input [N, steps, …], found \(type)", operand: 0)
    }
    // The steps of all samples are one batch.
    let steps = type.shape[0] * type.shape[1]
    let flat = try context.emit(Reshape(exactly: [steps] + type.shape[2...]), x)
    let y = try buildInner(&context, flat)
    let shape = context.type(y).shape
    guard shape.first == steps else {
      throw TypeError(
        "the layer in 'TimeDistributed' makes \(context.type(y)) of \(context.type(flat)): it must keep the batch")
    }
    let result = try context.emit(Reshape(exactly: [type.shape[0], type.shape[1]] + shape[1...]), y)
    if let mask = context.mask(inputs.count > 1 ? inputs[1] : nil, of: x) { context.masks[result] = mask }
    return [LayerOutput("output", result)]
  }
}
