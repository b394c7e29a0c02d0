// SPDX-License-Identifier: Apache-2.0
// Where values are NaN.

import GraphIR
import KernelIR
import TensorCore

package struct IsNaN: StepOperation {
  package static let name = "IsNaN"
  package static let summary = "True where x is NaN."
  package func resultType(_ dtype: DType) -> DType { .bool }
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0].isNaN ? 1 : 0 }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.isNaN, x[0]) }
}
