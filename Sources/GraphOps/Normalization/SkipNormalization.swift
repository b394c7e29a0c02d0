// SPDX-License-Identifier: Apache-2.0
// Sums that are normalised: what the Skip… operators of com.microsoft share.

import GraphIR
import TensorCore

/// `x + skip + bias`, normalised along the last axis.
package protocol SkipNormalization: Operation {
  var epsilon: Double { get set }
  /// Whether the mean is taken off and beta added.
  static var isCentred: Bool { get }
}

extension SkipNormalization {
  package static var operands: [Slot] {
    [Slot("input"), Slot("skip"), Slot("gamma")] + (isCentred ? [Slot("beta", .optional)] : [])
      + [Slot("bias", .optional)]
  }
  package static var results: [Slot] {
    [Slot("output"), Slot("mean"), Slot("inv_std_var"), Slot("input_skip_bias_sum")]
  }
  package static var accuracy: Accuracy { .accumulation }
  package static var attributes: [Attribute<Self>] { [Attribute("epsilon", \.epsilon, "added to the variance")] }

  private func beta<T>(_ operands: [T?]) -> T? { Self.isCentred ? optional(operands, 3) : nil }
  private func bias<T>(_ operands: [T?]) -> T? { optional(operands, Self.isCentred ? 4 : 3) }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let skip = operands[1], let gamma = operands[2], x.dtype.isFloat, x.rank > 0 else {
      throw TypeError("'\(Self.name)' needs floats with an axis", operand: 0)
    }
    guard skip.dtype == x.dtype, try broadcast([x, skip], for: Self.name) == x.shape else {
      throw TypeError("the skip \(skip) of '\(Self.name)' does not broadcast to \(x)", operand: 1)
    }
    let line = TensorType(x.dtype, [x.shape[x.rank - 1]])
    for type in [gamma, beta(operands), bias(operands)].compactMap({ $0 }) where type != line {
      throw TypeError("\(type) of '\(Self.name)' must be \(line)", operand: 2)
    }
    let statistics = TensorType(.f32, x.shape.dropLast() + [1])
    return [x, statistics, statistics, x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let skip = operands[1], let gamma = operands[2] else {
      throw TypeError("'\(Self.name)' needs three operands")
    }
    let types = try inferTypes(operands.map { $0?.type })
    let width = x.shape[x.shape.count - 1]
    var sum = x
    forEachIndex(x.shape) { position, index in
      sum.reals[position] += skip.reals[skip.broadcastPosition(index)] + (bias(operands)?.reals[position % width] ?? 0)
    }
    var output = sum
    var (means, scales): ([Double], [Double]) = ([], [])
    for row in 0..<x.shape.dropLast().reduce(1, *) {
      let line = sum.reals[row * width..<(row + 1) * width]
      let mean = Self.isCentred ? line.reduce(0, +) / Double(width) : 0
      let variance = line.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      let scale = 1 / (variance + epsilon).squareRoot()
      means.append(mean)
      scales.append(scale)
      for column in 0..<width {
        output.reals[row * width + column] =
          (line[row * width + column] - mean) * scale * gamma.reals[column] + (beta(operands)?.reals[column] ?? 0)
      }
    }
    let shape = try staticSizes(types[1].shape, for: Self.name)
    return [output, Reference(.f32, shape, reals: means), Reference(.f32, shape, reals: scales), sum]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      var sum = try builder.add(try builder.widened(operands[0]), try builder.widened(operands[1]))
      if let bias = bias(operands) { sum = try builder.add(sum, try builder.widened(bias)) }
      let (mean, centred, scale): (ValueID, ValueID, ValueID)
      if Self.isCentred {
        let parts = try builder.standardize(sum, [x.rank - 1], epsilon: epsilon)
        (mean, centred, scale) = (parts.mean, parts.centred, parts.scale)
      } else {
        let square = try builder.mean(try builder.mul(sum, sum), [x.rank - 1])
        scale = try builder.emit(Reciprocal(), try builder.emit(Sqrt(), try builder.plus(square, epsilon)))
        (mean, centred) = (try builder.scaled(scale, by: 0), sum)
      }
      var y = try builder.mul(try builder.mul(centred, scale), try builder.widened(operands[2]))
      if let beta = beta(operands) { y = try builder.add(y, try builder.widened(beta)) }
      return [
        try builder.narrowed(y, to: x.dtype), try builder.narrowed(mean, to: .f32),
        try builder.narrowed(scale, to: .f32), try builder.narrowed(sum, to: x.dtype),
      ]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = [random.int(1...2), random.int(1...3), random.int(2...6)].map { Dim($0) }
    let dtype = random.dtype([.f32, .f64])
    let line = TensorType(dtype, [shape[2]])
    let skip = TensorType(dtype, random.bool() ? shape : Array(shape[1...]))
    var operands: [TensorType?] = [TensorType(dtype, shape), skip, line]
    for _ in Self.operands.dropFirst(3) { operands.append(random.bool() ? line : nil) }
    return Sample(Self(), operands)
  }
}
