// SPDX-License-Identifier: Apache-2.0
// The operand itself.

import GraphIR
import KernelIR
import TensorCore

package struct Identity: Operation {
  package static let name = "Identity"
  package static let summary = "x."
  package static let operands = [Slot("input")]
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Identity' needs an operand") }
    return [type]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let value = operands[0] else { throw TypeError("'Identity' needs an operand") }
    return [value]
  }

  package func lower(_ types: NodeTypes) -> Lowering { .reshape }

  /// d/dx = 1
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [context.seeds[0]] }

  package static var rules: [Rule] {
    [
      // x = x
      Rule("identity", on: Identity.self) { _, context throws(TypeError) in
        guard let x = context.operands[0] else { return nil }
        return [x]
      }
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    Sample(Identity(), [TensorType(random.dtype([.f32, .bf16, .i64, .bool]), random.shape().map { Dim($0) })])
  }
}
