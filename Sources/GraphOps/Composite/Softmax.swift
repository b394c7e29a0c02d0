// SPDX-License-Identifier: Apache-2.0
// Softmax and its logarithm along an axis.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// Operators on the lines of a tensor along one axis.
package protocol AxisOperation: Operation {
  var axis: Int { get set }
}

extension AxisOperation {
  package static var operands: [Slot] { [Slot("input")] }
  package static func axisAttributes() -> [Attribute<Self>] {
    [Attribute("axis", \.axis, "the axis, counted from the end when negative")]
  }
  package static var attributes: [Attribute<Self>] { axisAttributes() }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    guard DType.floats.contains(x.dtype) else { throw TypeError("'\(Self.name)' does not take \(x.dtype)", operand: 0) }
    _ = try normalized(axis, rank: x.rank, for: Self.name)
    return [x]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1, maxRank: 3)
    var operation = Self()
    operation.axis = random.int(-shape.count...shape.count - 1)
    return Sample(operation, [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })])
  }

  /// Lines of the operand replaced by what `body` makes of them.
  func evaluateLines(_ operand: Reference?, _ body: ([Double]) -> [Double]) throws(TypeError) -> [Reference] {
    guard var x = operand else { throw TypeError("'\(Self.name)' needs an operand") }
    let axis = try normalized(axis, rank: x.shape.count, for: Self.name)
    let count = x.shape[axis]
    forEachLine(x.shape, along: axis) { base, step in
      let line = body((0..<count).map { x.reals[base + $0 * step] })
      for index in 0..<count { x.reals[base + index * step] = line[index] }
    }
    return [x]
  }
}

package struct Softmax: AxisOperation {
  package static let name = "Softmax"
  package static let summary = "exp(x) / Σ exp(x) along an axis, computed from x - max(x)."
  package static let accuracy = Accuracy.accumulation
  package var axis = -1
  package init() {}
  package init(axis: Int) { self.axis = axis }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    try evaluateLines(operands[0]) { line in
      let largest = line.max() ?? 0
      let sum = line.reduce(0) { $0 + exp($1 - largest) }
      return line.map { exp($0 - largest) / sum }
    }
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    let axis = axis
    return .decompose { builder, operands throws(TypeError) in
      let value = try builder.widened(operands[0])
      let shifted = try builder.emit(Sub(), value, try builder.emit(ReduceMax(axes: [axis]), value))
      let powers = try builder.emit(Exp(), shifted)
      let sum = try builder.emit(ReduceSum(axes: [axis]), powers)
      // One division a line; the sum is at least 1.
      let scale = try builder.emit(Reciprocal(), sum)
      return [try builder.narrowed(try builder.emit(Mul(), powers, scale), to: x.dtype)]
    }
  }

  /// dX = y · (G - Σ G · y)
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return [nil] }
    let weighted = try context.emit(Mul(), seed, context.results[0])
    let sum = try context.emit(ReduceSum(axes: [axis]), weighted)
    return [try context.emit(Mul(), context.results[0], try context.emit(Sub(), seed, sum))]
  }
}
