// SPDX-License-Identifier: Apache-2.0
// Numbers as the bins they lie in.

import GraphIR
import GraphOps
import TensorCore

package struct Discretization: Layer {
  package static let name = "Discretization"
  package static let summary = "The number of boundaries that are not above each element: its bin."
  package static let required = ["bin_boundaries"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("bin_boundaries", \.boundaries, "ascending numbers between bins"),
      Attribute("output_mode", \.outputMode, "'int', 'one_hot', 'multi_hot' or 'count'"),
    ]
  }
  package var boundaries: [Double] = []
  package var outputMode = "int"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    guard !boundaries.isEmpty, boundaries == boundaries.sorted(),
      let numbers = Tensor(context.type(x).dtype, [boundaries.count], doubles: boundaries)
    else { throw TypeError("'bin_boundaries' of 'Discretization' must be ascending numbers, found \(boundaries)") }
    let column = try context.emit(Unsqueeze(axes: [-1]), x)
    let isReached = try context.emit(GreaterOrEqual(), column, try context.builder.constant(numbers))
    let bins = try context.emit(
      ReduceSum(axes: [-1], keepDims: false), try context.emit(Cast(to: .i32), isReached))
    let depth = boundaries.count + 1
    return result(try context.encoded(bins, depth: depth, outputMode, allowsInt: true, for: Self.name))
  }
}
