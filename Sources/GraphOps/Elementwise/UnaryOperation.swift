// SPDX-License-Identifier: Apache-2.0
// Differentiable functions of one operand: the chain rule once.

import GraphIR
import TensorCore

package protocol UnaryOperation: ElementwiseOperation {
  /// Emits the derivative at `x`, where the result is `y`.
  func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID
}

extension UnaryOperation {
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], context.type(x).dtype.isFloat else { return [nil] }
    let derivative = try derivative(&context, x: x, y: context.results[0])
    return [try context.mul(seed, derivative)]
  }
}

/// A function whose derivative is zero wherever it exists, or whose result is no float.
package protocol StepOperation: ElementwiseOperation {}

extension StepOperation {
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    context.operands.map { _ in nil }
  }
}

/// A function of integers or bools only.
package protocol IntegerOperation: StepOperation {}

extension IntegerOperation {
  /// Its domain has no floats.
  package func reference(_ x: [Double]) -> Double { .nan }
}
