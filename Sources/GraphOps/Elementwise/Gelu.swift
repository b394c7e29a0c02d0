// SPDX-License-Identifier: Apache-2.0
// The Gaussian error linear unit.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Gelu: ElementwiseOperation {
  package static let name = "Gelu"
  package static let summary =
    "x · Φ(x), with the normal distribution Φ; for 'tanh' x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))."
  package static let accuracy = Accuracy.ulps(8)
  package static var attributes: [Attribute<Self>] {
    [Attribute("approximate", \.approximate, "'none', or 'tanh' for the approximation")]
  }
  package var approximate = "none"
  package init() {}
  package init(approximate: String) { self.approximate = approximate }

  /// 2·√(2/π): (1 + tanh u) / 2 = sigmoid(2u), which does not cancel for negative u.
  private static let slope = 1.5957691216057308
  private static let cubic = 0.044715

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard approximate == "none" || approximate == "tanh" else {
      throw TypeError("'approximate' of 'Gelu' is '\(approximate)'", note: "it is 'none' or 'tanh'")
    }
    return [try inferElementwise(operands)]
  }

  package func reference(_ x: [Double]) -> Double {
    if approximate == "tanh" { return x[0] * sigmoid(Self.slope * x[0] * (1 + Self.cubic * x[0] * x[0])) }
    return x[0] * 0.5 * erfc(-x[0] * 0.5.squareRoot())
  }

  package func scalar(_ x: [Expr]) -> Expr {
    if approximate == "none" { return .unary(.gelu, x[0]) }
    return x[0] * Expr.unary(.sigmoid, Self.slope * x[0] * (1.0 + Self.cubic * (x[0] * x[0])))
  }

  /// d/dx = Φ(x) + x·φ(x) with φ(x) = exp(-x²/2) / √(2π);
  /// for 'tanh' s + x·s·(1 - s)·c·(1 + 3·0.044715·x²) with s = sigmoid(c·(x + 0.044715·x³)), c = 2·√(2/π)
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let square = try context.square(x)
    let derivative: ValueID
    if approximate == "tanh" {
      let inner = try context.plus(1, try context.scaled(square, by: Self.cubic))
      let s = try context.emit(Sigmoid(), try context.scaled(try context.mul(x, inner), by: Self.slope))
      let outer = try context.plus(1, try context.scaled(square, by: 3 * Self.cubic))
      let bend = try context.mul(try context.mul(s, try context.minus(1, s)), outer)
      derivative = try context.add(s, try context.scaled(try context.mul(x, bend), by: Self.slope))
    } else {
      let tail = try context.emit(Erfc(), try context.scaled(x, by: -0.5.squareRoot()))
      let density = try context.emit(Exp(), try context.scaled(square, by: -0.5))
      let bend = try context.scaled(try context.mul(x, density), by: 0.3989422804014327)
      derivative = try context.add(try context.scaled(tail, by: 0.5), bend)
    }
    return [try context.mul(seed, derivative)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    sampleElementwise(Gelu(approximate: random.pick(["none", "tanh"])), &random)
  }
}
