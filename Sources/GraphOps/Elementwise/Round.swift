// SPDX-License-Identifier: Apache-2.0
// Rounding to the nearest integer.

import GraphIR
import KernelIR
import TensorCore

package struct Round: StepOperation {
  package static let name = "Round"
  package static let summary = "The nearest integer, halves to the even one."
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0].rounded(.toNearestOrEven) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.round, x[0]) }
}
