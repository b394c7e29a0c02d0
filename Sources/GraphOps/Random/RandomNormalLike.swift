// SPDX-License-Identifier: Apache-2.0
// Random tensors with the sizes of another: normal.

import GraphIR
import TensorCore

package struct RandomNormalLike: Operation {
  package static let name = "RandomNormalLike"
  package static let summary = "RandomNormal with the sizes (and, unless given, the type) of the input."
  package static let operands = [Slot("input")]
  package static let accuracy = Accuracy.random
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("mean", \.mean, "their mean"),
      Attribute("scale", \.scale, "their standard deviation"),
      Attribute("dtype", \.dtype, "the element type, a float; without it the input's"),
      Attribute("seed", \.seed, "where the numbers start; without one always the same"),
    ]
  }
  package var mean = 0.0
  package var scale = 1.0
  package var dtype: DType?
  package var seed: Double?
  package init() {}

  private func plain(_ x: TensorType?) throws(TypeError) -> RandomNormal {
    guard let x else { throw TypeError("'RandomNormalLike' needs an operand") }
    return RandomNormal(x.shape, dtype ?? x.dtype, mean: mean, scale: scale, seed: seed)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    try plain(operands[0]).inferTypes([])
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    try plain(operands[0]?.type).evaluate([])
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, _ throws(TypeError) in [try builder.emit(try plain(types.operands[0]))] }
  }

  /// The numbers do not depend on the input's.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = RandomNormalLike()
    operation.seed = 3
    if random.bool() { operation.dtype = .f64 }
    return Sample(operation, [TensorType(.f32, random.shape().map { Dim($0) })])
  }
}
