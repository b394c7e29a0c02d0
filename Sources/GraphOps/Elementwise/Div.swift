// SPDX-License-Identifier: Apache-2.0
// Division.

import GraphIR
import KernelIR
import TensorCore

package struct Div: ElementwiseOperation {
  package static let name = "Div"
  package static let summary = "a / b, with broadcasting; integers are truncated toward zero, and by zero give 0."
  package static let operands = [Slot("A"), Slot("B")]
  package static let domain = DType.numbers
  package static let accuracy = Accuracy.ulps(1)
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0] / x[1] }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 {
    if x[1] == 0 { return 0 }
    if dtype == .u64 { return Int64(bitPattern: UInt64(bitPattern: x[0]) / UInt64(bitPattern: x[1])) }
    return x[0].dividedReportingOverflow(by: x[1]).partialValue
  }
  package func scalar(_ x: [Expr]) -> Expr { x[0] / x[1] }

  /// d/da = 1/b, d/db = -a/b² = -y/b
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let a = context.operands[0], let b = context.operands[1] else {
      return [nil, nil]
    }
    let toA = try context.div(seed, b)
    let toB = try context.neg(try context.mul(toA, context.results[0]))
    return [try context.unbroadcast(toA, to: a), try context.unbroadcast(toB, to: b)]
  }

  package static var rules: [Rule] {
    [
      // x / 1 = x
      Rule("div-one", on: Div.self) { _, context throws(TypeError) in
        guard let a = context.operands[0], let x = context.type(0), let y = context.type(1), context.splat(1) == 1,
          x.shape == (try broadcast([x, y], for: name))
        else { return nil }
        return [a]
      },
      // x / 2ⁿ = x · 2⁻ⁿ: the reciprocal of a power of two is exact, so both round the same number.
      Rule("div-by-power-of-two", on: Div.self) { _, context throws(TypeError) in
        guard let b = context.operands[1], let type = context.type(1), type.dtype.isFloat,
          let divisor = context.splat(1),
          divisor.magnitude.significand == 1, divisor.magnitude >= 0x1p-14, divisor.magnitude <= 0x1p14
        else { return nil }
        guard let constant = Tensor(type.dtype, [], doubles: [1 / divisor]) else { return nil }
        let factor = try context.builder.constant(constant)
        let shaped = type.rank == 0 ? factor : try context.builder.emit(Expand(shape: type.shape), factor)
        return [try context.builder.emit(Mul(), context.operands[0], context.builder.type(b) == type ? shaped : factor)]
      },
    ]
  }
}
