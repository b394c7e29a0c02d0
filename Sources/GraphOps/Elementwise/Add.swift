// SPDX-License-Identifier: Apache-2.0
// Addition.

import GraphIR
import KernelIR
import TensorCore

package struct Add: ElementwiseOperation {
  package static let name = "Add"
  package static let summary = "a + b, with broadcasting; integers wrap."
  package static let operands = [Slot("A"), Slot("B")]
  package static let domain = DType.numbers
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0] + x[1] }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { x[0] &+ x[1] }
  package func scalar(_ x: [Expr]) -> Expr { x[0] + x[1] }

  /// d/da = 1, d/db = 1
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let a = context.operands[0], let b = context.operands[1] else {
      return [nil, nil]
    }
    return [try context.unbroadcast(seed, to: a), try context.unbroadcast(seed, to: b)]
  }

  package static var rules: [Rule] {
    [
      // x + 0 = x
      Rule("add-zero", on: Add.self) { _, context throws(TypeError) in
        guard let a = context.operands[0], let b = context.operands[1], let x = context.type(0), let y = context.type(1)
        else { return nil }
        // Only where broadcasting does not change the shape. -0 + 0 is 0, so for floats only -0 is neutral.
        if let zero = context.splat(1), zero == 0, x.shape == (try broadcast([x, y], for: name)),
          !x.dtype.isFloat || zero.sign == .minus
        {
          return [a]
        }
        if let zero = context.splat(0), zero == 0, y.shape == (try broadcast([x, y], for: name)),
          !y.dtype.isFloat || zero.sign == .minus
        {
          return [b]
        }
        return nil
      }
    ]
  }
}
