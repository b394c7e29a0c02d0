// SPDX-License-Identifier: Apache-2.0
// Multiplication.

import GraphIR
import KernelIR
import TensorCore

package struct Mul: ElementwiseOperation {
  package static let name = "Mul"
  package static let summary = "a · b, with broadcasting; integers wrap."
  package static let operands = [Slot("A"), Slot("B")]
  package static let domain = DType.numbers
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0] * x[1] }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { x[0] &* x[1] }
  package func scalar(_ x: [Expr]) -> Expr { x[0] * x[1] }

  /// d/da = b, d/db = a
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let a = context.operands[0], let b = context.operands[1] else {
      return [nil, nil]
    }
    let toA = try context.emit(Mul(), seed, b)
    let toB = try context.emit(Mul(), seed, a)
    return [try context.unbroadcast(toA, to: a), try context.unbroadcast(toB, to: b)]
  }

  package static var rules: [Rule] {
    [
      // x · 1 = x
      Rule("mul-one", on: Mul.self) { _, context throws(TypeError) in
        guard let x = context.type(0), let y = context.type(1) else { return nil }
        let shape = try broadcast([x, y], for: name)
        if context.splat(1) == 1, x.shape == shape, let a = context.operands[0] { return [a] }
        if context.splat(0) == 1, y.shape == shape, let b = context.operands[1] { return [b] }
        return nil
      },
      Gelu.fromError,
    ]
  }
}
