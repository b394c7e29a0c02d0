// SPDX-License-Identifier: Apache-2.0
// The gradient of an einsum of one operand.

import GraphIR
import KernelIR
import TensorCore

package struct EinsumSpread: Operation {
  package static let name = "EinsumSpread"
  package static let summary =
    "The gradient of an Einsum of one operand: every element of the result goes to the elements it is the sum of; zero "
    + "elsewhere."
  package static let operands = [Slot("dY")]
  package static let results = [Slot("dX")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("equation", \.equation, "the equation of the Einsum"),
      Attribute("shape", \.shape, "the sizes of its operand"),
    ]
  }
  package var equation = ""
  package var shape: [Dim] = []
  package init() {}
  init(equation: String, shape: [Dim]) {
    self.equation = equation
    self.shape = shape
  }

  private func parsed(_ y: TensorType?) throws(TypeError) -> EinsumEquation {
    guard let y else { throw TypeError("'EinsumSpread' needs an operand") }
    guard DType.numbers.contains(y.dtype) else {
      throw TypeError("'EinsumSpread' does not take \(y.dtype)", operand: 0)
    }
    let equation = try EinsumEquation(self.equation, [TensorType(y.dtype, shape)])
    let wanted = TensorType(y.dtype, equation.result.map { equation.sizes[$0] ?? 1 })
    guard y == wanted else { throw TypeError("'EinsumSpread' has the operand \(y), expected \(wanted)", operand: 0) }
    return equation
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    _ = try parsed(operands[0])
    return [TensorType(operands[0]?.dtype ?? .f32, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let y = operands[0] else { throw TypeError("'EinsumSpread' needs an operand") }
    let equation = try parsed(y.type)
    let labels = equation.operands[0]
    let strides = y.strides
    return [
      y.gathering(shape.compactMap(\.value)) { index in
        var place: [Int: Int] = [:]
        for (axis, label) in labels.enumerated() {
          if let other = place[label], other != index[axis] { return nil }
          place[label] = index[axis]
        }
        return equation.result.indices.reduce(0) { $0 + (place[equation.result[$1]] ?? 0) * strides[$1] }
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let equation = try? parsed(types.operands[0]) else { return .leaf }
    let labels = equation.operands[0]
    let zero = Expr.constant(0, types.results[0].dtype.computeType)
    return .pointwise { context, index in
      var isDiagonal = Expr.bool(true)
      for (axis, label) in labels.enumerated() {
        guard let first = labels.firstIndex(of: label), first != axis else { continue }
        isDiagonal = isDiagonal && .binary(.eq, index[first], index[axis])
      }
      let source = equation.result.map { label in labels.firstIndex(of: label).map { index[$0] } ?? .int(0) }
      return [.select(isDiagonal, context.operand(0, at: source), zero)]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return [nil] }
    return [try context.emit(Einsum(equation), seed)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let equation = random.pick(["ii->i", "ij->", "ij->j", "aab->ba", "ijk->ki"])
    var sizes: [Character: Int] = [:]
    for character in equation where character.isLetter { sizes[character] = random.int(1...4) }
    let parts = equation.split(separator: ">", omittingEmptySubsequences: false)
    let shape = parts[0].dropLast().map { Dim(sizes[$0] ?? 1) }
    let y = parts[1].map { Dim(sizes[$0] ?? 1) }
    return Sample(EinsumSpread(equation: equation, shape: shape), [TensorType(random.dtype([.f32, .f64]), y)])
  }
}
