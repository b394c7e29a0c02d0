// SPDX-License-Identifier: Apache-2.0
// Less than.

import GraphIR
import KernelIR

package struct Less: ComparisonOperation {
  package static let name = "Less"
  package static let summary = "Whether a < b, with broadcasting; false where an operand is NaN."
  package static let function = BinaryFunction.lt
  package init() {}
  package static func holds<Value: Comparable>(_ a: Value, _ b: Value) -> Bool { a < b }
}
