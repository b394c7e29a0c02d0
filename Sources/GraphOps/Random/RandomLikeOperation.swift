// SPDX-License-Identifier: Apache-2.0
// Random tensors with the sizes of another.

import GraphIR
import TensorCore

/// Another random operator with the sizes of the input.
package protocol RandomLikeOperation: RandomOperation {
  associatedtype Plain: Operation
  /// The element type; nil: the input's.
  var dtype: DType? { get set }
  /// The operator for a shape.
  func plain(_ shape: [Dim], _ dtype: DType) -> Plain
}

extension RandomLikeOperation {
  package static var summary: String {
    "\(Plain.name) with the sizes (and, unless given, the type) of the input."
  }
  package static var operands: [Slot] { [Slot("input")] }

  /// The attributes behind those that the distribution has.
  static func likeAttributes() -> [Attribute<Self>] {
    [
      Attribute("dtype", \.dtype, "the element type, a float; without it the input's"),
      Attribute("seed", \.seed, "where the numbers start; without one the place in the graph decides"),
    ]
  }

  private func plain(_ x: TensorType?) throws(TypeError) -> Plain {
    guard let x else { throw TypeError("'\(Self.name)' needs an operand") }
    return plain(x.shape, dtype ?? x.dtype)
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
    var operation = Self()
    operation.seed = 3
    if random.bool() { operation.dtype = .f64 }
    return Sample(operation, [TensorType(.f32, random.shape().map { Dim($0) })])
  }
}
