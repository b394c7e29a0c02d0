// SPDX-License-Identifier: Apache-2.0
// Greater than or equal.

import GraphIR
import KernelIR

package struct GreaterOrEqual: ComparisonOperation {
  package static let name = "GreaterOrEqual"
  package static let summary = "Whether a ≥ b, with broadcasting; false where an operand is NaN."
  package static let function = BinaryFunction.ge
  package init() {}
  package static func holds<Value: Comparable>(_ a: Value, _ b: Value) -> Bool { a >= b }
}
