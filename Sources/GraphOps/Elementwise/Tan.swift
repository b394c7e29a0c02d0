// SPDX-License-Identifier: Apache-2.0
// The tangent.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Tan: UnaryOperation {
  package static let name = "Tan"
  package static let summary = "tan x, x in radians."
  package static let accuracy = Accuracy.ulps(4)
  package static let sampleRange = -1.4...1.4
  package init() {}

  package func reference(_ x: [Double]) -> Double { tan(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.tan, x[0]) }

  /// d/dx = 1 + tan²(x)
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    return try g.plus(1, try g.square(y))
  }
}
