// SPDX-License-Identifier: Apache-2.0
// Slices picked by index tuples.

import GraphIR
import KernelIR
import TensorCore

/// Indices count from the end where they are negative and are clamped to their axes, as Gather's.
package struct GatherND: Operation {
  package static let name = "GatherND"
  package static let summary =
    "The slices data[indices[i…, 0], indices[i…, 1], …] for each index tuple; the first `batch_dims` axes go together."
  package static let operands = [Slot("data"), Slot("indices")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("batch_dims", \.batchDims, "the number of leading axes that data and indices share")]
  }
  package var batchDims = 0
  package init() {}
  package init(batchDims: Int) { self.batchDims = batchDims }

  /// The number of axes that a tuple indexes.
  private func depth(_ data: TensorType, _ indices: TensorType) throws(TypeError) -> Int {
    guard indices.rank > 0, let depth = indices.shape[indices.rank - 1].value else {
      throw TypeError("the last axis of the indices \(indices) of 'GatherND' must have a known size", operand: 1)
    }
    guard batchDims >= 0, batchDims < indices.rank, batchDims + depth <= data.rank else {
      throw TypeError(
        "'GatherND' cannot index \(data) by \(depth) numbers after \(batchDims) batch axes of \(indices)", operand: 1)
    }
    guard data.shape.prefix(batchDims).elementsEqual(indices.shape.prefix(batchDims)) else {
      throw TypeError("the first \(batchDims) axes of \(data) and \(indices) differ", operand: 1)
    }
    return depth
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let data = operands[0], let indices = operands[1] else { throw TypeError("'GatherND' needs two operands") }
    try checkIndices(indices, for: Self.name)
    let depth = try depth(data, indices)
    for axis in batchDims..<batchDims + depth {
      try checkNotEmpty(data.shape[axis], axis: axis, of: data, indices: indices, for: Self.name)
    }
    return [TensorType(data.dtype, indices.shape.dropLast() + data.shape.dropFirst(batchDims + depth))]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let data = operands[0], let indices = operands[1] else { throw TypeError("'GatherND' needs two operands") }
    let shape = try staticSizes(inferTypes([data.type, indices.type])[0].shape, for: Self.name)
    let depth = try depth(data.type, indices.type)
    let (strides, indexStrides) = (data.strides, indices.strides)
    let width = indices.shape.count - 1
    return [
      data.gathering(shape) { index in
        let tuple = (0..<width).reduce(0) { $0 + index[$1] * indexStrides[$1] }
        var offset = (0..<batchDims).reduce(0) { $0 + index[$1] * strides[$1] }
        for component in 0..<depth {
          let axis = batchDims + component
          offset += clampedIndex(indices.integers[tuple + component], data.shape[axis]) * strides[axis]
        }
        for axis in batchDims + depth..<data.shape.count {
          offset += index[width + axis - batchDims - depth] * strides[axis]
        }
        return offset
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let data = types.operands[0], let indices = types.operands[1], let depth = try? depth(data, indices) else {
      return .leaf
    }
    let width = indices.rank - 1
    return .pointwise { context, index in
      var source = Array(index.prefix(batchDims))
      for component in 0..<depth {
        let picked = context.operand(1, at: index.prefix(width) + [.int(component)])
        source.append(clampedIndex(picked, context.size(data.shape[batchDims + component])))
      }
      return [context.operand(0, at: source + index.dropFirst(width))]
    }
  }

  /// The seed's slices are added up where they came from. Batch axes become components of the tuples first.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let data = context.operands[0], let indices = context.operands[1] else {
      return [nil, nil]
    }
    let type = context.type(indices)
    let single = type.shape.dropLast() + [1]
    var components: [ValueID?] = []
    for axis in 0..<batchDims {
      let numbers = try context.emit(NumberRange(count: type.shape[axis], type.dtype))
      let aligned = single.indices.map { $0 == axis ? type.shape[axis] : Dim(1) }
      let shaped = try context.emit(Reshape(exactly: aligned), numbers)
      components.append(try context.emit(Expand(shape: Array(single)), shaped))
    }
    let tuples = try context.builder.emitAll(Concat(axis: -1), components + [indices])[0]
    let zeros = try context.filled(0, like: data)
    return [try context.emit(ScatterND(reduction: .add), zeros, tuples, seed), nil]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = (0..<random.int(1...4)).map { _ in random.int(1...5) }
    let batch = random.int(0...shape.count - 1)
    let depth = random.int(1...shape.count - batch)
    let indices = shape.prefix(batch) + random.shape(maxRank: 2) + [depth]
    return Sample(
      GatherND(batchDims: batch),
      [
        TensorType(random.dtype([.f32, .f64, .i32]), shape.map { Dim($0) }),
        TensorType(random.dtype([.i32, .i64]), indices.map { Dim($0) }),
      ], ranges: [1: -2...4])
  }
}
