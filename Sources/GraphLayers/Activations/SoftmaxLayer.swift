// SPDX-License-Identifier: Apache-2.0
// Exponentials that sum to one.

import GraphIR
import GraphOps
import TensorCore

package struct SoftmaxLayer: Layer {
  package static let name = "Softmax"
  package static let summary = "exp(x) / Σ exp(x) along axes; places that a mask leaves out are 0."
  package static let inputs = [Slot("inputs"), Slot("mask", .optional)]
  package static var arguments: [Attribute<Self>] { [Attribute("axis", \.axis, "the axes that sum to one together")] }
  package static let keepsMask = true
  package var axis: [Int] = [-1]
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let axes = try normalized(axis, rank: context.type(x).rank, emptyMeansAll: false, for: Self.name)
    guard !axes.isEmpty else { throw TypeError("'axis' of 'Softmax' must not be empty") }
    return result(try context.maskedSoftmax(x, axes, mask: inputs.count > 1 ? inputs[1] : nil))
  }
}

extension LayerContext {
  /// Softmax over axes (ascending) of the places where a mask, which broadcasts, is above one half; 0 elsewhere.
  mutating func maskedSoftmax(_ x: ValueID, _ axes: [Int], mask: ValueID?) throws(TypeError) -> ValueID {
    var (scores, kept): (ValueID, ValueID?) = (x, mask)
    if let mask {
      if type(mask).dtype != .bool { kept = try emit(Greater(), mask, try scalar(0.5, like: mask)) }
      // Far below everything, yet finite: where nothing is kept there is no 0/0.
      scores = try emit(Where(), kept, x, try scalar(type(x).dtype == .f16 ? -3e4 : -1e9, like: x))
    }
    let y: ValueID
    if axes.count == 1 {
      y = try emit(Softmax(axis: axes[0]), scores)
    } else {
      let power = try emit(Exp(), try emit(Sub(), scores, try emit(ReduceMax(axes: axes), scores)))
      y = try emit(Div(), power, try emit(ReduceSum(axes: axes), power))
    }
    guard let kept else { return y }
    return try emit(Where(), kept, y, try scalar(0, like: y))
  }
}
