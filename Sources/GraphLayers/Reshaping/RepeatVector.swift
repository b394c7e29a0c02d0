// SPDX-License-Identifier: Apache-2.0
// Each sample several times.

import GraphIR
import GraphOps
import TensorCore

package struct RepeatVector: Layer {
  package static let name = "RepeatVector"
  package static let summary = "[N, features] as [N, n, features], each sample n times."
  package static let required = ["n"]
  package static var arguments: [Attribute<Self>] { [Attribute("n", \.count, "how often")] }
  package var count: Dim = 1
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    let type = context.type(x)
    guard type.rank == 2 else {
      throw TypeError("'RepeatVector' needs an input [N, features], found \(type)", operand: 0)
    }
    if let number = count.value { try atLeastOne(number, "n", of: Self.name) }
    let row = try context.emit(Unsqueeze(axes: [1]), x)
    return result(try context.emit(Expand(shape: [type.shape[0], count, type.shape[1]]), row))
  }
}
