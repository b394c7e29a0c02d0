// SPDX-License-Identifier: Apache-2.0
// The bits in which operands differ.

import GraphIR
import KernelIR
import TensorCore

package struct BitwiseXor: IntegerOperation {
  package static let name = "BitwiseXor"
  package static let summary = "Each bit of a exclusive or b, with broadcasting."
  package static let operands = [Slot("A"), Slot("B")]
  package static let domain = DType.integers
  package init() {}

  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { x[0] ^ x[1] }
  package func scalar(_ x: [Expr]) -> Expr { .binary(.xor, x[0], x[1]) }
}
