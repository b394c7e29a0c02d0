// SPDX-License-Identifier: Apache-2.0
// Random tensors with the sizes of another: uniform.

import GraphIR
import TensorCore

package struct RandomUniformLike: Operation {
  package static let name = "RandomUniformLike"
  package static let summary = "RandomUniform with the sizes (and, unless given, the type) of the input."
  package static let operands = [Slot("input")]
  package static let accuracy = Accuracy.random
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("low", \.low, "the smallest number"),
      Attribute("high", \.high, "what all numbers are below"),
      Attribute("dtype", \.dtype, "the element type, a float; without it the input's"),
      Attribute("seed", \.seed, "where the numbers start; without one always the same"),
    ]
  }
  package var low = 0.0
  package var high = 1.0
  package var dtype: DType?
  package var seed: Double?
  package init() {}

  private func plain(_ x: TensorType?) throws(TypeError) -> RandomUniform {
    guard let x else { throw TypeError("'RandomUniformLike' needs an operand") }
    return RandomUniform(x.shape, dtype ?? x.dtype, low: low, high: high, seed: seed)
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
    var operation = RandomUniformLike()
    operation.seed = 3
    if random.bool() { operation.dtype = .f64 }
    return Sample(operation, [TensorType(.f32, random.shape().map { Dim($0) })])
  }
}
