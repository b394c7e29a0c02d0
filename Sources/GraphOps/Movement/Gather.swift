// SPDX-License-Identifier: Apache-2.0
// Slices of an axis picked by index.

import GraphIR
import KernelIR
import TensorCore

/// Negative indices count from the end. ONNX calls indices outside the axis an error; here they are clamped to its ends,
/// by the reference and by generated code alike, so that nothing outside the tensor is ever read.
package struct Gather: Operation {
  package static let name = "Gather"
  package static let summary =
    "The slices of an axis that indices name: out[…, i…, …] = data[…, indices[i…], …]; indices are clamped to the axis."
  package static let operands = [Slot("data"), Slot("indices")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("axis", \.axis, "the axis to pick from, negative from the end")]
  }
  package var axis = 0
  package init() {}
  package init(axis: Int) { self.axis = axis }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let data = operands[0], let indices = operands[1] else { throw TypeError("'Gather' needs two operands") }
    let place = try normalized(axis, rank: data.rank, for: Self.name)
    try checkIndices(indices, for: Self.name)
    try checkNotEmpty(data.shape[place], axis: place, of: data, indices: indices, for: Self.name)
    return [TensorType(data.dtype, data.shape[..<place] + indices.shape + data.shape[(place + 1)...])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let data = operands[0], let indices = operands[1] else { throw TypeError("'Gather' needs two operands") }
    let shape = try inferTypes([data.type, indices.type])[0].shape.compactMap(\.value)
    let place = try normalized(axis, rank: data.shape.count, for: Self.name)
    let (strides, indexStrides) = (data.strides, indices.strides)
    let width = indices.shape.count
    return [
      data.gathering(shape) { index in
        let position = (0..<width).reduce(0) { $0 + index[place + $1] * indexStrides[$1] }
        let picked = clampedIndex(indices.integers[position], data.shape[place])
        let before = (0..<place).reduce(0) { $0 + index[$1] * strides[$1] }
        return (place + 1..<strides.count).reduce(before + picked * strides[place]) {
          $0 + index[$1 + width - 1] * strides[$1]
        }
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let data = types.operands[0], let width = types.operands[1]?.rank,
      let place = try? normalized(axis, rank: data.rank, for: Self.name)
    else { return .leaf }
    return .pointwise { context, index in
      let picked = context.operand(1, at: Array(index[place..<place + width]))
      let source = index[..<place] + [clampedIndex(picked, context.size(data.shape[place]))] + index[(place + width)...]
      return [context.operand(0, at: Array(source))]
    }
  }

  /// The seed's slices are added up where they came from.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let data = context.operands[0], let indices = context.operands[1] else {
      return [nil, nil]
    }
    let place = try normalized(axis, rank: context.type(data).rank, for: Self.name)
    let size = context.type(data).shape[place]
    return [try context.emit(ScatterAdd(axis: place, size: size), indices, seed), nil]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1, maxRank: 3)
    let axis = random.int(-shape.count...shape.count - 1)
    let size = shape[axis < 0 ? axis + shape.count : axis]
    return Sample(
      Gather(axis: axis),
      [
        TensorType(random.dtype([.f32, .f64, .i32, .bool]), shape.map { Dim($0) }),
        TensorType(random.dtype([.i32, .i64]), random.shape(maxRank: 2).map { Dim($0) }),
      ], ranges: [1: Double(-size)...Double(size - 1)])
  }
}
