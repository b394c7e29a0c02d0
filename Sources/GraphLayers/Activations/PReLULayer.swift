// SPDX-License-Identifier: Apache-2.0
// The rectifier whose slope for negative values is learned.

import GraphIR
import GraphOps
import TensorCore

package struct PReLULayer: Layer {
  package static let name = "PReLU"
  package static let summary = "x for x > 0, alpha · x below, with an alpha for each element of a sample."
  package static var arguments: [Attribute<Self>] {
    weight("alpha", \.alpha) + [Attribute("shared_axes", \.sharedAxes, "the axes along which alpha is one number")]
  }
  package static let keepsMask = true
  package var alpha = WeightOptions("zeros")
  package var sharedAxes: [Int] = []
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let type = context.type(x)
    var shape = Array(type.shape.dropFirst())
    for axis in sharedAxes {
      let place = try normalized(axis, rank: type.rank, for: Self.name)
      guard place > 0 else { throw TypeError("'shared_axes' of 'PReLU' cannot hold the batch, found \(sharedAxes)") }
      shape[place - 1] = 1
    }
    let alpha = try context.parameter("alpha", shape, alpha, dtype: type.dtype)
    return result(try context.emit(PRelu(), x, alpha))
  }
}
