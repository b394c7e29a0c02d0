// SPDX-License-Identifier: Apache-2.0
// The transpose of Gather. Not an operator of ONNX.

import GraphIR
import KernelIR
import TensorCore

package struct ScatterAdd: Operation {
  package static let name = "ScatterAdd"
  package static let summary =
    "Zeros, with updates[…, i…, …] added at […, indices[i…], …] in order: the gradient of Gather."
  package static let operands = [Slot("indices"), Slot("updates")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis that indices pick from"),
      Attribute("size", \.size, "its size in the result"),
    ]
  }
  package var axis = 0
  package var size: Dim = 1
  package init() {}
  package init(axis: Int, size: Dim) {
    self.axis = axis
    self.size = size
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let indices = operands[0], let updates = operands[1] else {
      throw TypeError("'ScatterAdd' needs two operands")
    }
    try checkIndices(indices, operand: 0, for: Self.name)
    guard DType.numbers.contains(updates.dtype) else {
      throw TypeError("'ScatterAdd' does not take \(updates.dtype)", operand: 1)
    }
    let end = axis + indices.rank
    guard axis >= 0, end <= updates.rank, Array(updates.shape[axis..<end]) == indices.shape else {
      throw TypeError("the updates \(updates) of 'ScatterAdd' do not hold \(indices) from axis \(axis) on", operand: 1)
    }
    let shape = updates.shape[..<axis] + [size] + updates.shape[end...]
    let result = TensorType(updates.dtype, Array(shape))
    try checkNotEmpty(size, axis: axis, of: result, indices: indices, for: Self.name)
    return [result]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let indices = operands[0], let updates = operands[1] else {
      throw TypeError("'ScatterAdd' needs two operands")
    }
    let type = try inferTypes([indices.type, updates.type])[0]
    var result = Reference(zeros: type.dtype, try staticSizes(type.shape, for: Self.name))
    let inner = result.shape.dropFirst(axis + 1).reduce(1, *)
    let rows = result.shape[axis]
    for position in 0..<updates.count {
      let (outer, rest) = (position / inner).quotientAndRemainder(dividingBy: max(indices.count, 1))
      let row = outer * rows + clampedIndex(indices.integers[rest], rows)
      ScatterReduction.add.apply(updates, position, to: &result, row * inner + position % inner)
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let indices = types.operands[0] else { return .leaf }
    let result = types.results[0]
    // Halves would round at every addition.
    if result.dtype.computeType != result.dtype {
      return .decompose { (builder, operands) throws(TypeError) in
        let wide = try builder.emit(Cast(to: .f32), operands[1])
        let sum = try builder.emit(self, operands[0], wide)
        return [try builder.emit(Cast(to: result.dtype), sum)]
      }
    }
    let scatter = SliceScatter(
      batch: result.shape[..<axis].reduce(Dim(1), *), targets: [size], count: indices.elementCount,
      inner: result.shape[(axis + 1)...].reduce(Dim(1), *), reduction: .add, indices: 0, updates: 1)
    return .loops { context in scatter.statements(&context) }
  }

  /// d/dupdates: the seed's slices at the indices.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let indices = context.operands[0] else { return [nil, nil] }
    return [nil, try context.emit(Gather(axis: axis), seed, indices)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let indices = random.shape(maxRank: 2)
    let outer = random.shape(maxRank: 1)
    let inner = random.shape(maxRank: 1)
    let size = random.size()
    return Sample(
      ScatterAdd(axis: outer.count, size: Dim(size)),
      [
        TensorType(random.dtype([.i32, .i64]), indices.map { Dim($0) }),
        TensorType(random.dtype([.f32, .f64, .f16, .i32]), (outer + indices + inner).map { Dim($0) }),
      ], ranges: [0: Double(-size)...Double(size - 1)])
  }
}
