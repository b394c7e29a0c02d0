// SPDX-License-Identifier: Apache-2.0
// Conversion to another operand's element type.

import GraphIR
import KernelIR
import TensorCore

package struct CastLike: Operation {
  package static let name = "CastLike"
  package static let summary = "The input with the element type of the second operand, as Cast."
  package static let operands = [Slot("input"), Slot("target_type")]
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let target = operands[1] else { throw TypeError("'CastLike' needs two operands") }
    return try Cast(to: target.dtype).inferTypes([operands[0]])
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let target = operands[1] else { throw TypeError("'CastLike' needs two operands") }
    return try Cast(to: target.dtype).evaluate([operands[0]])
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let target = types.results[0].dtype
    return .decompose { (builder, operands) throws(TypeError) in [try builder.emit(Cast(to: target), operands[0])] }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    [try Cast(to: context.type(context.results[0]).dtype).gradient(&context)[0], nil]
  }

  package static var rules: [Rule] {
    [
      // The second operand's values are not needed.
      Rule("cast-like", on: CastLike.self) { _, context throws(TypeError) in
        guard let target = context.type(1) else { return nil }
        return [try context.builder.emit(Cast(to: target.dtype), context.operands[0])]
      }
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let cast = Cast.sample(&random)
    return Sample(CastLike(), [cast.operands[0], TensorType(random.dtype([.f32, .f64, .i32, .bool]), [1])])
  }
}
