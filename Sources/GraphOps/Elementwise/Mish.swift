// SPDX-License-Identifier: Apache-2.0
// x · tanh(softplus(x)).

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Mish: UnaryOperation {
  package static let name = "Mish"
  package static let summary = "x · tanh(ln(1 + exp(x)))."
  package static let accuracy = Accuracy.ulps(8)
  package init() {}

  package func reference(_ x: [Double]) -> Double { x[0] * tanh(softplus(x[0])) }
  package func scalar(_ x: [Expr]) -> Expr { .unary(.mish, x[0]) }

  /// d/dx = t + x·sigmoid(x)·(1 - t²) with t = tanh(softplus(x))
  package func derivative(_ g: inout GradientContext, x: ValueID, y: ValueID) throws(TypeError) -> ValueID {
    let t = try g.emit(Tanh(), try g.emit(Softplus(), x))
    let slope = try g.mul(try g.emit(Sigmoid(), x), try g.minus(1, try g.square(t)))
    return try g.add(t, try g.mul(x, slope))
  }
}
