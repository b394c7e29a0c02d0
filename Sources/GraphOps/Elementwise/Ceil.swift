// SPDX-License-Identifier: Apache-2.0
// Rounding up.

import GraphIR
import KernelIR
import TensorCore

package struct Ceil: StepOperation {
  package static let name = "Ceil"
  package static let summary = "The smallest integer not below x."
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0].rounded(.up) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.ceil, x[0]) }
}
