// SPDX-License-Identifier: Apache-2.0
// The sign.

import GraphIR
import KernelIR
import TensorCore

package struct Sign: StepOperation {
  package static let name = "Sign"
  package static let summary = "-1, 0 or 1 as x is negative, zero or positive; NaN stays NaN."
  package static let domain = DType.numbers
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0] > 0 ? 1 : x[0] < 0 ? -1 : x[0] == 0 ? 0 : x[0] }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { x[0] == 0 ? 0 : dtype.isSigned && x[0] < 0 ? -1 : 1 }
  package func scalar(_ x: [Expr]) -> Expr {
    x[0].dtype.isSigned ? .unary(.sign, x[0]) : .min(x[0], .constant(1, x[0].dtype))
  }
}
