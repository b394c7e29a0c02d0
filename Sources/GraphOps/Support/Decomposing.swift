// SPDX-License-Identifier: Apache-2.0
// What decompositions share: halves computed in f32, means, and lines of a tensor for evaluation.

import GraphIR
import TensorCore

extension GraphBuilder {
  /// A half-precision value in f32, so that what is computed from it is rounded once, at the end.
  mutating func widened(_ value: ValueID?) throws(TypeError) -> ValueID {
    guard let value else { throw TypeError("an operand is missing") }
    switch type(value).dtype {
    case .f16, .bf16: return try emit(Cast(to: .f32), value)
    default: return value
    }
  }

  /// A value in another element type.
  mutating func narrowed(_ value: ValueID, to dtype: DType) throws(TypeError) -> ValueID {
    type(value).dtype == dtype ? value : try emit(Cast(to: dtype), value)
  }

  /// A constant of a value's element type.
  mutating func scalar(_ number: Double, like value: ValueID) throws(TypeError) -> ValueID {
    try scalar(number, type(value).dtype)
  }

  /// The mean over axes, which stay with size 1.
  mutating func mean(_ value: ValueID, _ axes: [Int]) throws(TypeError) -> ValueID {
    try emit(ReduceMean(axes: axes), value)
  }

  /// `(x - mean, 1 / sqrt(variance + epsilon), mean)` over axes: two passes, because a difference of large sums has no
  /// digits left where the mean is far from zero.
  mutating func standardize(
    _ value: ValueID, _ axes: [Int], epsilon: Double
  ) throws(TypeError) -> (centred: ValueID, scale: ValueID, mean: ValueID, variance: ValueID) {
    let mean = try mean(value, axes)
    let centred = try emit(Sub(), value, mean)
    let variance = try self.mean(try emit(Mul(), centred, centred), axes)
    let deviation = try emit(Sqrt(), try emit(Add(), variance, try scalar(epsilon, like: value)))
    return (centred, try emit(Reciprocal(), deviation), mean, variance)
  }

  /// Bools, true where an axis' index is the one that `indices` (in which that axis has size 1) names.
  mutating func isIndex(_ indices: ValueID, axis: Int, size: Dim) throws(TypeError) -> ValueID {
    let type = type(indices)
    let count = try emit(NumberRange(count: size, type.dtype))
    let line = type.shape.indices.map { $0 == axis ? size : Dim(1) }
    return try emit(Equal(), indices, try emit(Reshape(exactly: line), count))
  }
}

/// Calls `body` for every line of a row-major shape along one axis: the position of its first element, and the distance
/// between its elements.
func forEachLine(_ shape: [Int], along axis: Int, _ body: (_ base: Int, _ step: Int) -> Void) {
  let step = shape[(axis + 1)...].reduce(1, *)
  let outer = shape[..<axis].reduce(1, *)
  for block in 0..<outer { for inner in 0..<step { body(block * shape[axis] * step + inner, step) } }
}

extension Optional where Wrapped == Tensor {
  /// The tensor, or that memory is short.
  func orThrow() throws(TypeError) -> Tensor {
    guard let self else { throw TypeError("out of memory") }
    return self
  }
}
