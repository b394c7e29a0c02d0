// SPDX-License-Identifier: Apache-2.0
// Less than or equal.

import GraphIR
import KernelIR

package struct LessOrEqual: ComparisonOperation {
  package static let name = "LessOrEqual"
  package static let summary = "Whether a ≤ b, with broadcasting; false where an operand is NaN."
  package static let function = BinaryFunction.le
  package init() {}
  package static func holds<Value: Comparable>(_ a: Value, _ b: Value) -> Bool { a <= b }
}
