// SPDX-License-Identifier: Apache-2.0
// Logical or.

import GraphIR
import KernelIR
import TensorCore

package struct Or: IntegerOperation {
  package static let name = "Or"
  package static let summary = "True where an operand is true, with broadcasting."
  package static let operands = [Slot("A"), Slot("B")]
  package static let domain: Set<DType> = [.bool]
  package init() {}

  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { x[0] | x[1] }
  package func scalar(_ x: [Expr]) -> Expr { .binary(.or, x[0], x[1]) }
}
