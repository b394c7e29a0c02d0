// SPDX-License-Identifier: Apache-2.0
// Elements of an axis picked by an index for each.

import GraphIR
import KernelIR
import TensorCore

/// Indices count from the end where they are negative and are clamped to the axis, as Gather's.
package struct GatherElements: Operation {
  package static let name = "GatherElements"
  package static let summary =
    "out[i, j, k] = data[i, indices[i, j, k], k] (for axis 1); indices are clamped to the axis."
  package static let operands = [Slot("data"), Slot("indices")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("axis", \.axis, "the axis to pick from, negative from the end")]
  }
  package var axis = 0
  package init() {}
  package init(axis: Int) { self.axis = axis }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let data = operands[0], let indices = operands[1] else {
      throw TypeError("'GatherElements' needs two operands")
    }
    let place = try normalized(axis, rank: data.rank, for: Self.name)
    try checkIndices(indices, for: Self.name)
    try checkCovered(indices, by: data, axis: place, for: Self.name)
    try checkNotEmpty(data.shape[place], axis: place, of: data, indices: indices, for: Self.name)
    return [TensorType(data.dtype, indices.shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let data = operands[0], let indices = operands[1] else {
      throw TypeError("'GatherElements' needs two operands")
    }
    _ = try inferTypes([data.type, indices.type])
    let place = try normalized(axis, rank: data.shape.count, for: Self.name)
    let (strides, indexStrides) = (data.strides, indices.strides)
    return [
      data.gathering(indices.shape) { index in
        let position = zip(index, indexStrides).reduce(0) { $0 + $1.0 * $1.1 }
        let picked = clampedIndex(indices.integers[position], data.shape[place])
        return index.indices.reduce(0) { $0 + ($1 == place ? picked : index[$1]) * strides[$1] }
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let data = types.operands[0], let place = try? normalized(axis, rank: data.rank, for: Self.name) else {
      return .leaf
    }
    return .pointwise { context, index in
      var source = index
      source[place] = clampedIndex(context.operand(1, at: index), context.size(data.shape[place]))
      return [context.operand(0, at: source)]
    }
  }

  /// The seed's elements are added up where they came from.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let data = context.operands[0] else { return [nil, nil] }
    let zeros = try context.filled(0, like: data)
    return [try context.emit(ScatterElements(axis: axis, reduction: .add), zeros, context.operands[1], seed), nil]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1, maxRank: 3)
    let axis = random.int(-shape.count...shape.count - 1)
    let place = axis < 0 ? axis + shape.count : axis
    let indices = shape.enumerated().map { $0.offset == place ? random.size() : random.int(1...$0.element) }
    return Sample(
      GatherElements(axis: axis),
      [
        TensorType(random.dtype([.f32, .f64, .i16]), shape.map { Dim($0) }),
        TensorType(random.dtype([.i32, .i64]), indices.map { Dim($0) }),
      ], ranges: [1: Double(-shape[place])...Double(shape[place] - 1)])
  }
}
