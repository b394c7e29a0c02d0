// SPDX-License-Identifier: Apache-2.0
// Where values are infinite.

import GraphIR
import KernelIR
import TensorCore

package struct IsInf: StepOperation {
  package static let name = "IsInf"
  package static let summary = "True where x is +∞ or -∞."
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("detect_negative", \.detectNegative, "whether -∞ counts"),
      Attribute("detect_positive", \.detectPositive, "whether +∞ counts"),
    ]
  }
  package var detectNegative = true
  package var detectPositive = true
  package init() {}

  package func resultType(_ dtype: DType) -> DType { .bool }
  package func reference(_ x: [Double]) -> Double {
    (detectNegative && x[0] == -.infinity) || (detectPositive && x[0] == .infinity) ? 1 : 0
  }
  package func scalar(_ x: [Expr]) -> Expr {
    let isNegative = Expr.less(x[0], .constant(0, x[0].dtype))
    switch (detectNegative, detectPositive) {
    case (true, true): return .unary(.isInf, x[0])
    case (true, false): return .unary(.isInf, x[0]) && isNegative
    case (false, true): return .unary(.isInf, x[0]) && .unary(.not, isNegative)
    case (false, false): return .bool(false)
    }
  }
}
