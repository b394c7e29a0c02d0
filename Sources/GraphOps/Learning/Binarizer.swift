// SPDX-License-Identifier: Apache-2.0
// Ones above a threshold.

import GraphIR
import KernelIR
import TensorCore

package struct Binarizer: Operation {
  package static let name = "Binarizer"
  package static let summary = "1 where x > threshold, else 0."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] { [Attribute("threshold", \.threshold, "what is still 0")] }
  package var threshold = 0.0
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], DType.numbers.contains(x.dtype) else {
      throw TypeError("'Binarizer' takes numbers", operand: 0)
    }
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var x = operands[0] else { throw TypeError("'Binarizer' needs an operand") }
    let hits = (0..<x.count).map { x.double($0) > threshold }
    if x.dtype.isFloat { x.reals = hits.map { $0 ? 1 : 0 } } else { x.integers = hits.map { $0 ? 1 : 0 } }
    return [x]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      // Integers are compared as f64, which may have no integer nearest to the threshold.
      let target = x.dtype.isFloat ? x.dtype.computeType : .f64
      let wide = try builder.narrowed(try builder.widened(operands[0]), to: target)
      let isAbove = try builder.emit(Greater(), wide, try builder.scalar(threshold, like: wide))
      return [try builder.emit(Cast(to: x.dtype), isAbove)]
    }
  }

  /// A step has no derivative.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Binarizer()
    operation.threshold = random.pick([0, 0.5, 1])
    return Sample(operation, [TensorType(random.dtype([.f32, .f64, .i32, .i64]), random.shape().map { Dim($0) })])
  }
}
