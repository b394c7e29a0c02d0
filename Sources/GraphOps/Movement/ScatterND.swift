// SPDX-License-Identifier: Apache-2.0
// Slices written by index tuples.

import GraphIR
import KernelIR
import TensorCore

/// Indices count from the end where they are negative and are clamped to their axes. Updates are applied in row-major
/// order, so that of several to one slice the last stays without a reduction.
package struct ScatterND: Operation {
  package static let name = "ScatterND"
  package static let summary =
    "data with data[indices[i…, 0], indices[i…, 1], …] = updates[i…], slice by slice, or combined with what is there."
  package static let operands = [Slot("data"), Slot("indices"), Slot("updates")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [Attribute("reduction", \.reduction, "'none', 'add', 'mul', 'max' or 'min'")]
  }
  package var reduction = "none"
  package init() {}
  package init(reduction: ScatterReduction) { self.reduction = reduction.rawValue }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let data = operands[0], let indices = operands[1], let updates = operands[2] else {
      throw TypeError("'ScatterND' needs three operands")
    }
    try ScatterReduction(reduction, for: Self.name).check(data, updates, for: Self.name)
    try checkIndices(indices, for: Self.name)
    guard indices.rank > 0, let depth = indices.shape[indices.rank - 1].value, depth <= data.rank else {
      throw TypeError(
        "the last axis of the indices \(indices) of 'ScatterND' must have a known size of at most \(data.rank)",
        operand: 1)
    }
    let shape = indices.shape.dropLast() + data.shape.dropFirst(depth)
    guard updates.shape == Array(shape) else {
      throw TypeError(
        "the updates of 'ScatterND' must be \(TensorType(data.dtype, Array(shape))), found \(updates)", operand: 2)
    }
    for axis in 0..<depth {
      try checkNotEmpty(data.shape[axis], axis: axis, of: data, indices: indices, for: Self.name)
    }
    return [data]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let data = operands[0], let indices = operands[1], let updates = operands[2] else {
      throw TypeError("'ScatterND' needs three operands")
    }
    _ = try inferTypes([data.type, indices.type, updates.type])
    let reduction = try ScatterReduction(reduction, for: Self.name)
    let depth = indices.shape[indices.shape.count - 1]
    let inner = data.shape.dropFirst(depth).reduce(1, *)
    let strides = data.strides
    var result = data
    for tuple in 0..<indices.shape.dropLast().reduce(1, *) {
      var first = 0
      for axis in 0..<depth {
        first += clampedIndex(indices.integers[tuple * depth + axis], data.shape[axis]) * strides[axis]
      }
      for place in 0..<inner { reduction.apply(updates, tuple * inner + place, to: &result, first + place) }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let data = types.operands[0], let indices = types.operands[1], let depth = indices.shape.last?.value,
      let reduction = try? ScatterReduction(reduction, for: Self.name)
    else { return .leaf }
    if reduction.needsWideType(data.dtype) { return widened(self, data.dtype) }
    let scatter = SliceScatter(
      targets: Array(data.shape.prefix(depth)), count: indices.shape.dropLast().reduce(Dim(1), *),
      inner: data.shape.dropFirst(depth).reduce(Dim(1), *), reduction: reduction, data: 0, indices: 1, updates: 2)
    return .loops { context in scatter.statements(&context) }
  }

  /// Without a reduction the data's seed is 0 where it was overwritten, and an update gets the seed where it is the one
  /// that stayed; with 'add' both get the seed.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let data = context.operands[0], let indices = context.operands[1],
      let updates = context.operands[2]
    else { return [nil, nil, nil] }
    let picked = try context.emit(GatherND(), seed, indices)
    switch try ScatterReduction(reduction, for: Self.name) {
    case .add: return [seed, nil, picked]
    case .none:
      let zeros = try context.filled(0, like: updates)
      let kept = try context.emit(self, seed, indices, zeros)
      // Every update writes its number; those that find it again have stayed.
      let (shape, type) = (context.type(indices).shape, context.type(data))
      let depth = shape.last?.value ?? 0
      let tuples = Array(shape.dropLast())
      let count = try context.emit(NumberRange(count: tuples.reduce(Dim(1), *), .i64))
      let numbers = try context.emit(Reshape(exactly: tuples), count)
      let nobody = try context.emit(ConstantOfShape(Array(type.shape.prefix(depth)), -1, .i64))
      let owners = try context.emit(self, nobody, indices, numbers)
      let stayed = try context.emit(Equal(), try context.emit(GatherND(), owners, indices), numbers)
      let aligned = tuples + [Dim](repeating: 1, count: type.rank - depth)
      let mask = try context.emit(Reshape(exactly: aligned), stayed)
      return [kept, nil, try context.masked(picked, where: mask)]
    case .mul, .max, .min: throw TypeError("'ScatterND' with reduction '\(reduction)' has no gradient")
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = (0..<random.int(1...3)).map { _ in random.int(1...5) }
    let depth = random.int(1...shape.count)
    let tuples = random.shape(maxRank: 2)
    let dtype = random.dtype([.f32, .f64, .bf16, .i32])
    return Sample(
      ScatterND(reduction: random.pick(ScatterReduction.allCases)),
      [
        TensorType(dtype, shape.map { Dim($0) }),
        TensorType(random.dtype([.i32, .i64]), (tuples + [depth]).map { Dim($0) }),
        TensorType(dtype, (tuples + shape.dropFirst(depth)).map { Dim($0) }),
      ], ranges: [1: -2...4])
  }
}
