// SPDX-License-Identifier: Apache-2.0
// Features shifted and scaled to mean 0 and variance 1.

import GraphIR
import GraphOps
import TensorCore

package struct Normalization: Layer {
  package static let name = "Normalization"
  package static let summary =
    "(x − mean) / √variance for each feature, with the numbers given or the parameters 'mean' and 'variance'."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axes that have a mean of their own; none for one mean of everything"),
      Attribute("mean", \.mean, "the means, in row-major order; parameters when not given"),
      Attribute("variance", \.variance, "the variances"),
      Attribute("invert", \.invert, "whether normalised values are turned back"),
    ]
  }
  package static let keepsMask = true
  package var axis: [Int]? = [-1]
  package var mean: [Double]?
  package var variance: [Double]?
  package var invert = false
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let type = context.type(x)
    let kept = try normalized(axis ?? [], rank: type.rank, emptyMeansAll: false, for: Self.name)
    guard (mean == nil) == (variance == nil) else {
      throw TypeError("'Normalization' needs both 'mean' and 'variance', or neither")
    }
    let shape = kept.map { type.shape[$0] }
    var (centre, spread): (ValueID, ValueID)
    if let mean, let variance {
      (centre, spread) = (
        try constant(&context, mean, shape, type.dtype), try constant(&context, variance, shape, type.dtype)
      )
    } else {
      centre = try context.parameter("mean", shape, WeightOptions("zeros"), dtype: type.dtype, trainable: false)
      spread = try context.parameter("variance", shape, WeightOptions("ones"), dtype: type.dtype, trainable: false)
    }
    let aligned = type.shape.indices.map { kept.contains($0) ? type.shape[$0] : Dim(1) }
    if context.type(centre).rank > 0 {
      centre = try context.emit(Reshape(exactly: aligned), centre)
      spread = try context.emit(Reshape(exactly: aligned), spread)
    }
    let deviation = try context.emit(Max(), try context.emit(Sqrt(), spread), try context.scalar(1e-7, like: x))
    if invert { return result(try context.emit(Add(), centre, try context.emit(Mul(), x, deviation))) }
    return result(try context.emit(Div(), try context.emit(Sub(), x, centre), deviation))
  }

  /// Given numbers: one for all, or one for each place of the axes.
  private func constant(
    _ context: inout LayerContext, _ numbers: [Double], _ shape: [Dim], _ dtype: DType
  ) throws(TypeError) -> ValueID {
    if numbers.count == 1 { return try context.builder.scalar(numbers[0], dtype) }
    let sizes = shape.compactMap(\.value)
    guard sizes.count == shape.count, Tensor.count(of: sizes) == numbers.count,
      let tensor = Tensor(dtype, sizes, doubles: numbers)
    else {
      throw TypeError(
        "'Normalization' has \(numbers.count) means for axes of sizes [\(shape.map(\.description).joined(separator: ", "))]"
      )
    }
    return try context.builder.constant(tensor)
  }
}
