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

  /// x · ½ · (1 + erf(x / √2)), in any order, as exporters write it: without the division, and one product less. This
  /// operator itself would be more exact where 1 + erf cancels than what was asked for, and slower.
  static let fromError = Rule("gelu-from-erf", on: Mul.self) { _, context throws(TypeError) in
    guard let type = context.type(0), type.dtype.isFloat else { return nil }
    var factors: [ValueID] = []
    collectFactors(context.operands, depth: 3, &factors, context)
    guard factors.count == 3, let half = factors.firstIndex(where: { isAbout(0.5, $0, context) }) else { return nil }
    factors.remove(at: half)
    for (x, sum) in [(factors[0], factors[1]), (factors[1], factors[0])] {
      guard let erf = shiftedError(sum, context), isScaled(erf, x, context) else { continue }
      let (half, slope) = (
        try context.builder.scalar(0.5, type.dtype), try context.builder.scalar(0.5.squareRoot(), type.dtype)
      )
      let share = try context.builder.emit(Erf(), try context.builder.emit(Mul(), x, slope))
      let scaled = try context.builder.emit(Mul(), share, half)
      return [try context.builder.emit(Mul(), x, try context.builder.emit(Add(), scaled, half))]
    }
    return nil
  }

  /// The factors of a product of products.
  private static func collectFactors(
    _ operands: [ValueID?], depth: Int, _ factors: inout [ValueID], _ context: RuleContext
  ) {
    for case let operand? in operands {
      if depth > 0, factors.count < 4, let node = context.builder.graph.producer(operand), node.operation is Mul {
        collectFactors(node.operands, depth: depth - 1, &factors, context)
      } else {
        factors.append(operand)
      }
    }
  }

  /// The operand of erf when a value is 1 + erf(…).
  private static func shiftedError(_ value: ValueID, _ context: RuleContext) -> ValueID? {
    guard let sum = context.builder.graph.producer(value), sum.operation is Add, let a = sum.operands[0],
      let b = sum.operands[1]
    else { return nil }
    for (one, other) in [(a, b), (b, a)] where isAbout(1, one, context) {
      if let node = context.builder.graph.producer(other), node.operation is Erf { return node.operands[0] }
    }
    return nil
  }

  /// Whether a value is x / √2.
  private static func isScaled(_ value: ValueID, _ x: ValueID, _ context: RuleContext) -> Bool {
    guard let node = context.builder.graph.producer(value), node.operands.count == 2, let a = node.operands[0],
      let b = node.operands[1]
    else { return false }
    if node.operation is Div { return a == x && isAbout(2.0.squareRoot(), b, context) }
    guard node.operation is Mul else { return false }
    return (a == x && isAbout(0.5.squareRoot(), b, context)) || (b == x && isAbout(0.5.squareRoot(), a, context))
  }

  /// Whether a value is this number in every element, as far as f32 tells.
  private static func isAbout(_ number: Double, _ value: ValueID, _ context: RuleContext) -> Bool {
    guard let constant = context.builder.graph.producer(value)?.operation as? Constant,
      constant.value.tensor.count == 1
    else { return false }
    return abs(constant.value.tensor.double(0) - number) <= 1e-6 * number
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
