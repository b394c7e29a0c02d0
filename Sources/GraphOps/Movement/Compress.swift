// SPDX-License-Identifier: Apache-2.0
// Slices of an axis chosen by a condition.

import GraphIR
import KernelIR
import TensorCore

/// A constant condition is an attribute; another is the second operand, and `count` the size that it makes.
package struct Compress: RuntimeSized {
  package static let name = "Compress"
  package static let summary =
    "The slices of an axis whose condition is 1; without an axis elements of the flattened input."
  package static let operands = [Slot("input"), Slot("condition", .optional)]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("condition", \.condition, "0 or 1 for each slice; what follows the list is dropped"),
      Attribute("count", \.count, "the run-time size of the result, when the condition is an operand"),
      Attribute("axis", \.axis, "the axis, negative from the end; without it all elements in row-major order"),
    ]
  }
  package var condition: [Int] = []
  package var axis: Int?
  package var count: Dim?
  package init() {}
  package init(axis: Int?, count: Dim) {
    self.axis = axis
    self.count = count
  }
  package init(condition: [Int], axis: Int?) {
    self.condition = condition
    self.axis = axis
  }

  package func countBound(_ operands: [TensorType?]) -> Dim? {
    operands.count > 1 ? operands[1]?.elementCount : nil
  }

  /// The positions that stay.
  private var kept: [Int] { condition.indices.filter { condition[$0] != 0 } }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Compress' needs an operand") }
    guard condition.allSatisfy({ $0 == 0 || $0 == 1 }) else {
      throw TypeError("'condition' of 'Compress' must be 0 or 1 for each slice")
    }
    var result = Dim(kept.count)
    var length = Dim(condition.count)
    if operands.count > 1, let mask = operands[1] {
      guard mask.dtype == .bool, mask.rank == 1, condition.isEmpty else {
        throw TypeError("the condition of 'Compress' is \(mask), expected a list of bools", operand: 1)
      }
      result = try runtimeCount(count, for: Self.name)
      length = mask.shape[0]
    }
    var shape = type.shape
    let size: Dim
    if let axis {
      let place = try normalized(axis, rank: type.rank, for: Self.name)
      size = shape[place]
      shape[place] = result
    } else {
      size = type.elementCount
      shape = [result]
    }
    guard Dim.isKnown(length, atMost: size) else {
      throw TypeError("'condition' of 'Compress' has \(length) entries for \(size) slices", operand: 0)
    }
    return [TensorType(type.dtype, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'Compress' needs an operand") }
    var kept = kept
    if operands.count > 1, let mask = operands[1] { kept = mask.integers.indices.filter { mask.integers[$0] != 0 } }
    var shape = [kept.count]
    guard let axis else { return [input.gathering(shape) { index in kept[index[0]] }] }
    let place = try normalized(axis, rank: input.shape.count, for: Self.name)
    shape = input.shape
    shape[place] = kept.count
    let strides = input.strides
    return [
      input.gathering(shape) { index in
        index.indices.reduce(0) { $0 + ($1 == place ? kept[index[$1]] : index[$1]) * strides[$1] }
      }
    ]
  }

  /// The positions that stay, as a list of the graph.
  ///
  /// - Parameter isKnown: whether their number has been made a size already.
  private func indices(
    _ mask: ValueID?, isKnown: Bool, _ builder: inout GraphBuilder
  ) throws(TypeError) -> ValueID {
    if let mask {
      let found = try builder.emitAny(TruePositions(), [mask])
      let size = try runtimeCount(count, for: Self.name)
      if isKnown { return try builder.emit(Prefix(size), found[0]) }
      return try builder.prefixes([found[0]], of: found[1], size)[0]
    }
    guard let tensor = Tensor(.i64, [kept.count], integers: kept.map(Int64.init)) else {
      throw TypeError("out of memory")
    }
    return try builder.constant(tensor)
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { (builder, operands) throws(TypeError) in
      let indices = try indices(operands.count > 1 ? operands[1] : nil, isKnown: false, &builder)
      if let axis { return [try builder.emit(Gather(axis: axis), operands[0], indices)] }
      let count = types.operands[0]?.elementCount ?? 0
      let flat = try builder.emit(Reshape(exactly: [count]), operands[0])
      return [try builder.emit(Gather(axis: 0), flat, indices)]
    }
  }

  /// The seed's slices where they came from, zeros elsewhere.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let type = context.type(x)
    let indices = try indices(context.operands.count > 1 ? context.operands[1] : nil, isKnown: true, &context.builder)
    guard let axis else {
      let flat = try context.emit(ScatterAdd(axis: 0, size: type.elementCount), indices, seed)
      return [try context.emit(Reshape(exactly: type.shape), flat)]
    }
    let place = try normalized(axis, rank: type.rank, for: Self.name)
    return [try context.emit(ScatterAdd(axis: place, size: type.shape[place]), indices, seed)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1, maxRank: 3)
    let axis = random.bool() ? random.int(0...shape.count - 1) : nil
    let size = axis.map { shape[$0] } ?? shape.reduce(1, *)
    let condition = (0..<min(size, 40)).map { _ in random.int(0...1) }
    return Sample(
      Compress(condition: condition, axis: axis), [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })])
  }
}
