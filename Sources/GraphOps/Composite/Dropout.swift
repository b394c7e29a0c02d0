// SPDX-License-Identifier: Apache-2.0
// Dropout as it is outside training.

import GraphIR
import KernelIR
import TensorCore

package struct Dropout: Operation {
  package static let name = "Dropout"
  package static let summary = "The input unchanged: dropout drops elements in training only."
  package static let operands = [Slot("data")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("ratio", \.ratio, "the share of elements that training drops")]
  }
  package var ratio = 0.5
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'Dropout' needs an operand") }
    guard (0..<1).contains(ratio) else {
      throw TypeError("'ratio' of 'Dropout' is \(ratio), expected 0 or more and below 1")
    }
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'Dropout' needs an operand") }
    return [x]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { _, operands throws(TypeError) in
      guard let x = operands[0] else { throw TypeError("'Dropout' needs an operand") }
      return [x]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [context.seeds[0]] }

  package static var rules: [Rule] {
    [
      Rule("dropout-outside-training", on: Dropout.self) { _, context throws(TypeError) in
        context.operands[0].map { [$0] }
      }
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    Sample(Dropout(), [TensorType(random.dtype([.f32, .f64]), random.shape().map { Dim($0) })])
  }
}
