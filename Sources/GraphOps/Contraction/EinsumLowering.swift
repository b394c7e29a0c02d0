// SPDX-License-Identifier: Apache-2.0
// How kernels compute an einsum, and its gradient.

import GraphIR
import KernelIR
import TensorCore

extension Einsum {
  package func lower(_ types: NodeTypes) -> Lowering {
    let operandTypes = types.operands.compactMap { $0 }
    guard let equation = try? EinsumEquation(self.equation, operandTypes) else { return .leaf }
    let dtype = types.results[0].dtype.computeType
    switch equation.operands.count {
    case 1: return Einsum.unary(equation, dtype)
    case 2 where equation.isPlainPair: return Einsum.pair(equation, dtype)
    case 2: return Einsum.simplified(equation)
    default: return Einsum.chained(equation)
    }
  }

  /// A diagonal, sum or transpose of one operand.
  private static func unary(_ equation: EinsumEquation, _ dtype: DType) -> Lowering {
    let summed = equation.summed
    let read = { @Sendable (context: PullContext, index: [Expr], reduced: [Expr]) -> Expr in
      context.operand(0, at: equation.operands[0].map { equation.place($0, index, summed, reduced) })
    }
    if summed.isEmpty { return .pointwise { context, index in [read(context, index, [])] } }
    return .reduction(
      ReductionLowering(
        extents: summed.map { equation.sizes[$0] ?? 1 }, kind: .combine(.sum), accumulator: dtype,
        element: { context, index, reduced in read(context, index, reduced) }))
  }

  /// Two operands without repeated labels or labels that one of them sums alone.
  private static func pair(_ equation: EinsumEquation, _ dtype: DType) -> Lowering {
    let (a, b) = (equation.operands[0], equation.operands[1])
    guard !equation.summed.isEmpty else {
      return .pointwise { context, index in
        let factors = equation.operands.indices.map { number in
          context.operand(number, at: equation.operands[number].map { equation.place($0, index, [], []) })
        }
        return [factors[0] * factors[1]]
      }
    }
    let labels = equation.result + equation.summed
    let axes = labels.map { label -> ContractionLowering.Axis in
      let role: ContractionLowering.Role =
        !equation.result.contains(label) ? .depth : !a.contains(label) ? .column : !b.contains(label) ? .row : .batch
      return ContractionLowering.Axis(equation.sizes[label] ?? 1, role)
    }
    func indices(_ operand: [Int]) -> [ContractionLowering.Index] {
      operand.map { label in labels.firstIndex(of: label).map { .init($0) } ?? .init([]) }
    }
    return .contraction(
      ContractionLowering(
        axes: axes, a: indices(a), b: indices(b), output: Array(equation.result.indices), accumulator: dtype))
  }

  /// Diagonals and sums of one operand are taken first.
  private static func simplified(_ equation: EinsumEquation) -> Lowering {
    .decompose { builder, operands throws(TypeError) in
      var labels: [[Int]] = []
      var values: [ValueID?] = []
      for (number, own) in equation.operands.enumerated() {
        let other = Set(equation.operands[1 - number] + equation.result)
        var kept: [Int] = []
        for label in own where other.contains(label) && !kept.contains(label) { kept.append(label) }
        let step = EinsumEquation(operands: [own], result: kept, sizes: equation.sizes)
        values.append(kept == own ? operands[number] : try emit(step, [operands[number]], &builder))
        labels.append(kept)
      }
      return [
        try emit(EinsumEquation(operands: labels, result: equation.result, sizes: equation.sizes), values, &builder)
      ]
    }
  }

  /// Three operands or more: from the left, two at a time.
  private static func chained(_ equation: EinsumEquation) -> Lowering {
    .decompose { builder, operands throws(TypeError) in
      guard var value = operands[0] else { throw TypeError("'Einsum' needs an operand") }
      var labels = equation.operands[0]
      for number in 1..<operands.count {
        let next = equation.operands[number]
        let later = Set(equation.operands[(number + 1)...].joined()).union(equation.result)
        var kept = equation.result
        if number < operands.count - 1 {
          kept = []
          for label in labels + next where later.contains(label) && !kept.contains(label) { kept.append(label) }
        }
        let step = EinsumEquation(operands: [labels, next], result: kept, sizes: equation.sizes)
        value = try emit(step, [value, operands[number]], &builder)
        labels = kept
      }
      return [value]
    }
  }

  private static func emit(
    _ equation: EinsumEquation, _ operands: [ValueID?], _ builder: inout GraphBuilder
  ) throws(TypeError) -> ValueID {
    guard let text = equation.text else { throw TypeError("'Einsum' has more axes than there are letters") }
    return try builder.emitAll(Einsum(text), operands)[0]
  }

  /// The gradient of an operand is the einsum of the seed and the other operand; more operands inherit theirs from the
  /// steps they are made of.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return context.operands.map { _ in nil } }
    let types = context.operands.compactMap { $0.map(context.type) }
    let equation = try EinsumEquation(self.equation, types)
    if equation.operands.count == 1 {
      let spread = EinsumSpread(equation: equation.text ?? "", shape: types[0].shape)
      return [try context.emit(spread, seed)]
    }
    guard equation.isPlainPair else { throw TypeError("'Einsum' of this form has no gradient of its own") }
    var gradients: [ValueID?] = []
    for number in 0...1 {
      let back = EinsumEquation(
        operands: [equation.result, equation.operands[1 - number]], result: equation.operands[number],
        sizes: equation.sizes)
      gradients.append(try Einsum.emit(back, [seed, context.operands[1 - number]], &context.builder))
    }
    return gradients
  }
}

extension EinsumEquation {
  /// Whether every label of an operand is there once, and in the other operand or the result too.
  var isPlainPair: Bool {
    guard operands.count == 2 else { return false }
    return operands.indices.allSatisfy { number in
      let others = Set(operands[1 - number] + result)
      return Set(operands[number]).count == operands[number].count && operands[number].allSatisfy(others.contains)
    }
  }

  /// The index of a label's axis.
  func place(_ label: Int, _ index: [Expr], _ summed: [Int], _ reduced: [Expr]) -> Expr {
    if let axis = result.firstIndex(of: label) { return index[axis] }
    if let axis = summed.firstIndex(of: label) { return reduced[axis] }
    return .int(0)
  }
}
