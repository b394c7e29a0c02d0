// SPDX-License-Identifier: Apache-2.0
// Equality.

import GraphIR
import KernelIR
import TensorCore

package struct Equal: ComparisonOperation {
  package static let name = "Equal"
  package static let summary = "Whether a = b, with broadcasting; false where an operand is NaN."
  package static let domain = DType.everything
  package static let function = BinaryFunction.eq
  package init() {}
  package static func holds<Value: Comparable>(_ a: Value, _ b: Value) -> Bool { a == b }
}
