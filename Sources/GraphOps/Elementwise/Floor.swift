// SPDX-License-Identifier: Apache-2.0
// Rounding down.

import GraphIR
import KernelIR
import TensorCore

package struct Floor: StepOperation {
  package static let name = "Floor"
  package static let summary = "The largest integer not above x."
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0].rounded(.down) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.floor, x[0]) }
}
