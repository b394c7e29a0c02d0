// SPDX-License-Identifier: Apache-2.0
// What comparisons share: two operands of one type, a bool result, no gradient.

import GraphIR
import KernelIR
import TensorCore

package protocol ComparisonOperation: StepOperation {
  static var function: BinaryFunction { get }
  /// The meaning, for floats and for integers of either sign.
  static func holds<Value: Comparable>(_ a: Value, _ b: Value) -> Bool
}

extension ComparisonOperation {
  package static var operands: [Slot] { [Slot("A"), Slot("B")] }
  package static var domain: Set<DType> { DType.numbers }
  package func resultType(_ dtype: DType) -> DType { .bool }

  package func reference(_ x: [Double]) -> Double { Self.holds(x[0], x[1]) ? 1 : 0 }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 {
    if dtype == .u64 { return Self.holds(UInt64(bitPattern: x[0]), UInt64(bitPattern: x[1])) ? 1 : 0 }
    return Self.holds(x[0], x[1]) ? 1 : 0
  }
  package func scalar(_ x: [Expr]) -> Expr { .binary(Self.function, x[0], x[1]) }
}
