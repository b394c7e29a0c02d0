// SPDX-License-Identifier: Apache-2.0
// Axes behind the batch in another order.

import GraphIR
import GraphOps
import TensorCore

package struct Permute: Layer {
  package static let name = "Permute"
  package static let summary = "The axes of each sample in another order; the first is 1."
  package static let required = ["dims"]
  package static var arguments: [Attribute<Self>] {
    [Attribute("dims", \.dims, "for each axis of the result behind the batch, the axis of the input, from 1")]
  }
  package var dims: [Int] = []
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    let rank = context.type(x).rank
    guard rank > 0, dims.count == rank - 1, dims.sorted() == Array(1..<rank) else {
      throw TypeError(
        "'dims' of 'Permute' must hold each axis behind the batch once, found \(dims) for \(context.type(x))",
        operand: 0,
        note: "axes count from 1; (2, 1) swaps the two axes of [N, a, b]")
    }
    return result(try context.emit(Transpose(perm: [0] + dims), x))
  }
}
