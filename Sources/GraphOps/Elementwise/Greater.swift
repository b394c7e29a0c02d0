// SPDX-License-Identifier: Apache-2.0
// Greater than.

import GraphIR
import KernelIR

package struct Greater: ComparisonOperation {
  package static let name = "Greater"
  package static let summary = "Whether a > b, with broadcasting; false where an operand is NaN."
  package static let function = BinaryFunction.gt
  package init() {}
  package static func holds<Value: Comparable>(_ a: Value, _ b: Value) -> Bool { a > b }
}
