// SPDX-License-Identifier: Apache-2.0
// Mean 0 and variance 1 over axes.

import GraphIR
import KernelIR
import TensorCore

package struct MeanVarianceNormalization: Operation {
  package static let name = "MeanVarianceNormalization"
  package static let summary = "(x - mean) / (sqrt(variance) + 1e-9) over axes."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] { [Attribute("axes", \.axes, "the axes to normalize over")] }
  package static let accuracy = Accuracy.accumulation
  package var axes = [0, 2, 3]
  package init() {}

  /// Keeps the division defined where all elements are equal.
  private static let epsilon = 1e-9

  private func reduced(_ x: TensorType) throws(TypeError) -> [Int] {
    guard DType.floats.contains(x.dtype) else { throw TypeError("'\(Self.name)' does not take \(x.dtype)", operand: 0) }
    return try normalized(axes, rank: x.rank, emptyMeansAll: true, for: Self.name)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'MeanVarianceNormalization' needs an operand") }
    _ = try reduced(x)
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'MeanVarianceNormalization' needs an operand") }
    let reduced = try reduced(x.type)
    let kept = x.shape.indices.filter { !reduced.contains($0) }
    let strides = x.strides
    var result = x
    forEachIndex(kept.map { x.shape[$0] }) { _, outer in
      let base = kept.indices.reduce(0) { $0 + outer[$1] * strides[kept[$1]] }
      var group: [Int] = []
      forEachIndex(reduced.map { x.shape[$0] }) { _, inner in
        group.append(base + reduced.indices.reduce(0) { $0 + inner[$1] * strides[reduced[$1]] })
      }
      let mean = group.reduce(0) { $0 + x.reals[$1] } / Double(group.count)
      let variance = group.reduce(0) { $0 + (x.reals[$1] - mean) * (x.reals[$1] - mean) } / Double(group.count)
      for position in group {
        result.reals[position] = (x.reals[position] - mean) / (variance.squareRoot() + Self.epsilon)
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let reduced = try? reduced(x) else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      let value = try builder.widened(operands[0])
      let centred = try builder.emit(Sub(), value, try builder.mean(value, reduced))
      let variance = try builder.mean(try builder.emit(Mul(), centred, centred), reduced)
      let epsilon = try builder.scalar(Self.epsilon, like: value)
      let deviation = try builder.emit(Add(), try builder.emit(Sqrt(), variance), epsilon)
      return [try builder.narrowed(try builder.emit(Div(), centred, deviation), to: x.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    // More than one element in every group, where the gradient of the deviation is defined.
    let shape = (0..<random.int(1...4)).map { _ in random.int(3...5) }
    var operation = MeanVarianceNormalization()
    operation.axes = shape.indices.filter { _ in random.bool() }
    return Sample(operation, [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })])
  }
}
