// SPDX-License-Identifier: Apache-2.0
// Numpy's broadcasting over symbolic sizes, and its reverse for gradients.

import GraphIR
import TensorCore

extension DType {
  package static let floats: Set<DType> = [.f32, .f64, .f16, .bf16]
  package static let integers: Set<DType> = [.i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64]
  package static let numbers: Set<DType> = floats.union(integers)
  package static let everything: Set<DType> = numbers.union([.bool])
}

/// The common shape of operands, aligned at the last axis; sizes must be equal or 1.
package func broadcast(_ types: [TensorType], for name: String) throws(TypeError) -> [Dim] {
  let rank = types.map(\.rank).max() ?? 0
  var shape = [Dim](repeating: 1, count: rank)
  for (number, type) in types.enumerated() {
    for (axis, size) in type.shape.enumerated() {
      let position = rank - type.rank + axis
      if size == 1 || size == shape[position] { continue }
      guard shape[position] == 1 else {
        throw TypeError(
          "the shapes of '\(name)' do not broadcast: \(types.map(\.description).joined(separator: " and ")) differ in "
            + "axis \(position - rank) (\(shape[position]) and \(size))",
          operand: number, note: "sizes of an axis must be equal, or one of them 1")
      }
      shape[position] = size
    }
  }
  return shape
}

/// The strides of a row-major tensor read as if it had been broadcast to `shape`.
func broadcastStrides(_ from: [Int], to shape: [Int]) -> [Int] {
  let strides = Reference.strides(from)
  let shift = shape.count - from.count
  return shape.indices.map { axis in axis < shift || from[axis - shift] == 1 ? 0 : strides[axis - shift] }
}

/// An axis counted from the end when negative, as an index; throws when it is outside the rank.
package func normalized(_ axis: Int, rank: Int, for name: String) throws(TypeError) -> Int {
  let index = axis < 0 ? axis + rank : axis
  guard index >= 0 && index < rank else {
    throw TypeError(
      "axis \(axis) of '\(name)' is outside a tensor of rank \(rank)",
      note: rank == 0 ? "a scalar has no axes" : "axes are \(-rank)...\(rank - 1)")
  }
  return index
}

/// Axes as sorted indices without repeats; an empty list means all when `emptyMeansAll`.
package func normalized(
  _ axes: [Int], rank: Int, emptyMeansAll: Bool, for name: String
) throws(TypeError) -> [Int] {
  if axes.isEmpty && emptyMeansAll { return Array(0..<rank) }
  var found: Set<Int> = []
  for axis in axes {
    let index = try normalized(axis, rank: rank, for: name)
    if !found.insert(index).inserted { throw TypeError("'\(name)' names axis \(axis) twice") }
  }
  return found.sorted()
}

extension GradientContext {
  /// Sums a gradient of the broadcast shape back to an operand's own.
  package mutating func unbroadcast(_ gradient: ValueID, to operand: ValueID) throws(TypeError) -> ValueID {
    let (from, to) = (type(gradient), type(operand))
    if from.shape == to.shape { return gradient }
    let shift = from.rank - to.rank
    let axes = from.shape.indices.filter { $0 < shift || (to.shape[$0 - shift] == 1 && from.shape[$0] != 1) }
    let sum = try emit(ReduceSum(axes: axes, keepDims: true), gradient)
    return shift == 0 ? sum : try emit(Reshape(exactly: to.shape), sum)
  }
}
