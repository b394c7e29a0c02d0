// SPDX-License-Identifier: Apache-2.0
// Normalization of each row to mean 0 and variance 1.

import GraphIR
import KernelIR
import TensorCore

package struct LayerNormalization: Operation {
  package static let name = "LayerNormalization"
  package static let summary = "(x - mean) / sqrt(variance + epsilon) · scale + B over the axes from `axis` on."
  package static let operands = [Slot("X"), Slot("Scale"), Slot("B", .optional)]
  package static let results = [Slot("Y"), Slot("Mean", .optional), Slot("InvStdDev", .optional)]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the first normalized axis"),
      Attribute("epsilon", \.epsilon, "added to the variance"),
      Attribute("statistics", \.statistics, "whether Mean and InvStdDev are results too"),
    ]
  }
  package static let accuracy = Accuracy.accumulation
  package var axis = -1
  package var epsilon = 1e-5
  package var statistics = false
  package init() {}

  package var resultCount: Int { statistics ? 3 : 1 }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'LayerNormalization' needs an operand") }
    let axes = try rowAxes(x, axis, operands, for: Self.name)
    guard statistics else { return [x] }
    let row = TensorType(x.dtype.computeType, x.shape.indices.map { axes.contains($0) ? 1 : x.shape[$0] })
    return [x, row, row]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var x = operands[0] else { throw TypeError("'LayerNormalization' needs an operand") }
    let types = try inferTypes(operands.map { $0?.type })
    let axes = try rowAxes(x.type, axis, operands.map { $0?.type }, for: Self.name)
    let width = x.shape[axes].reduce(1, *)
    let row = Array(x.shape[axes])
    let scale = spread(operands[1], row) ?? [Double](repeating: 1, count: width)
    let bias = spread(operands.count > 2 ? operands[2] : nil, row) ?? [Double](repeating: 0, count: width)
    var (means, deviations): ([Double], [Double]) = ([], [])
    for start in stride(from: 0, to: x.reals.count, by: max(width, 1)) {
      let values = x.reals[start..<start + width]
      let mean = values.reduce(0, +) / Double(width)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      let inverse = 1 / (variance + epsilon).squareRoot()
      means.append(mean)
      deviations.append(inverse)
      for index in 0..<width {
        x.reals[start + index] = (x.reals[start + index] - mean) * inverse * scale[index] + bias[index]
      }
    }
    guard statistics else { return [x] }
    let shape = types[1].shape.compactMap(\.value)
    if width == 0 {
      // An empty row has no mean.
      means = [Double](repeating: .nan, count: shape.reduce(1, *))
      deviations = means
    }
    return [x, Reference(types[1].dtype, shape, reals: means), Reference(types[1].dtype, shape, reals: deviations)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let axes = try? rowAxes(x, axis, types.operands, for: Self.name) else {
      return .leaf
    }
    return .decompose { builder, operands throws(TypeError) in
      let parts = try builder.standardize(try builder.widened(operands[0]), Array(axes), epsilon: epsilon)
      var y = try builder.emit(Mul(), parts.centred, parts.scale)
      y = try builder.emit(Mul(), y, try builder.widened(operands[1]))
      if operands.count > 2, let bias = operands[2] { y = try builder.emit(Add(), y, try builder.widened(bias)) }
      y = try builder.narrowed(y, to: x.dtype)
      return statistics ? [y, parts.mean, parts.scale] : [y]
    }
  }

  /// With n = (x - mean) / deviation and g = G · scale: dX = (g - mean(g) - n · mean(g · n)) / deviation,
  /// dScale = Σ G · n, dB = Σ G.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let x = context.operands[0], let scale = context.operands[1] else { return context.operands.map { _ in nil } }
    guard !context.seeds.dropFirst().contains(where: { $0 != nil }) else {
      throw TypeError("'LayerNormalization' has no gradient through Mean and InvStdDev")
    }
    guard let seed = context.seeds[0] else { return context.operands.map { _ in nil } }
    let type = context.type(x)
    let axes = Array(try rowAxes(type, axis, context.operands.map { $0.map(context.type) }, for: Self.name))
    let parts = try context.builder.standardize(try context.builder.widened(x), axes, epsilon: epsilon)
    let n = try context.emit(Mul(), parts.centred, parts.scale)
    let wide = try context.builder.widened(seed)
    let g = try context.emit(Mul(), wide, try context.builder.widened(scale))
    let mean = try context.builder.mean(g, axes)
    let along = try context.emit(Mul(), n, try context.builder.mean(try context.emit(Mul(), g, n), axes))
    let rest = try context.emit(Sub(), try context.emit(Sub(), g, mean), along)
    var gradients: [ValueID?] = [
      try context.builder.narrowed(try context.emit(Mul(), rest, parts.scale), to: type.dtype),
      try context.builder.narrowed(
        try context.unbroadcast(try context.emit(Mul(), wide, n), to: scale), to: type.dtype),
    ]
    if context.operands.count > 2 {
      gradients.append(
        try context.operands[2].map { bias throws(TypeError) in try context.unbroadcast(seed, to: bias) })
    }
    return gradients
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = (0..<random.int(1...3)).map { _ in random.int(2...7) }
    var operation = LayerNormalization()
    operation.axis = random.int(-shape.count...shape.count - 1)
    operation.statistics = random.bool()
    let first = operation.axis < 0 ? operation.axis + shape.count : operation.axis
    let dtype = random.dtype([.f32, .f64])
    let row = TensorType(dtype, shape[first...].map { Dim($0) })
    let x = TensorType(dtype, shape.map { Dim($0) })
    return Sample(operation, random.bool() ? [x, row, row] : [x, row])
  }
}

/// The normalized axes, from `axis` on, after checking that scale (and bias) broadcast to a row.
func rowAxes(
  _ x: TensorType, _ axis: Int, _ operands: [TensorType?], for name: String
) throws(TypeError) -> Range<Int> {
  guard DType.floats.contains(x.dtype) else { throw TypeError("'\(name)' does not take \(x.dtype)", operand: 0) }
  let first = try normalized(axis, rank: x.rank, for: name)
  let row = TensorType(x.dtype, Array(x.shape[first...]))
  for (index, type) in operands.enumerated().dropFirst() {
    guard let type else { continue }
    guard type.dtype == x.dtype, type.rank <= row.rank, try broadcast([row, type], for: name) == row.shape else {
      throw TypeError("operand \(index) of '\(name)' is \(type), expected \(row) for the rows of \(x)", operand: index)
    }
  }
  return first..<x.rank
}

/// A scale or bias broadcast to a row, for evaluation.
func spread(_ operand: Reference?, _ row: [Int]) -> [Double]? {
  guard let operand else { return nil }
  let strides = broadcastStrides(operand.shape, to: row)
  return operand.gathering(row) { index in index.indices.reduce(0) { $0 + index[$1] * strides[$1] } }.reals
}
