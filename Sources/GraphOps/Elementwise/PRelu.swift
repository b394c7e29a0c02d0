// SPDX-License-Identifier: Apache-2.0
// A rectifier with learned slopes.

import GraphIR
import KernelIR
import TensorCore

package struct PRelu: ElementwiseOperation {
  package static let name = "PRelu"
  package static let summary = "x for x ≥ 0, else slope · x; the slope is broadcast to x."
  package static let operands = [Slot("X"), Slot("slope")]
  package static let accuracy = Accuracy.ulps(1)
  package static let domain = DType.floats.union([.i32, .i64, .u32, .u64])
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let result = try inferElementwise(operands)
    guard let x = operands[0], x.shape == result.shape else {
      throw TypeError("the slope of 'PRelu' does not broadcast to its input: together they are \(result)", operand: 1)
    }
    return [result]
  }

  package func reference(_ x: [Double]) -> Double { x[0] < 0 ? x[1] * x[0] : x[0] }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 {
    dtype.isSigned && x[0] < 0 ? wrap(x[1] &* x[0], to: dtype) : x[0]
  }
  package func scalar(_ x: [Expr]) -> Expr { .select(.less(x[0], .constant(0, x[0].dtype)), x[1] * x[0], x[0]) }

  /// d/dx = 1 for x ≥ 0, else slope; d/dslope = 0 for x ≥ 0, else x
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], let slope = context.operands[1],
      context.type(x).dtype.isFloat
    else { return [nil, nil] }
    let isNegative = try context.isLess(x, 0)
    let toX = try context.emit(Where(), isNegative, try context.mul(seed, slope), seed)
    let toSlope = try context.masked(try context.mul(seed, x), where: isNegative)
    return [toX, try context.unbroadcast(toSlope, to: slope)]
  }
}
