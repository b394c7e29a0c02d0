// SPDX-License-Identifier: Apache-2.0
// The exponential function.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Exp: ElementwiseOperation {
  package static let name = "Exp"
  package static let summary = "e to the power x."
  package static let accuracy = Accuracy.ulps(1)
  package init() {}

  package func reference(_ x: [Double]) -> Double { exp(x[0]) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.exp, x[0]) }

  /// d/dx = exp(x)
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return [nil] }
    return [try context.emit(Mul(), seed, context.results[0])]
  }
}
