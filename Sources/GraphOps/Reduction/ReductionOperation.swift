// SPDX-License-Identifier: Apache-2.0
// What reductions over whole axes share: axes, kept dimensions, types, lowering.

import GraphIR
import KernelIR
import TensorCore

/// A reduction of operand 0 over axes, as ONNX's Reduce family.
package protocol ReductionOperation: Operation {
  static var domain: Set<DType> { get }
  /// The axes to reduce; empty means all.
  var axes: [Int] { get set }
  /// Whether reduced axes stay with size 1.
  var keepDims: Bool { get set }
  /// Empty axes mean "reduce nothing" instead of "reduce all".
  var noopWithEmptyAxes: Bool { get set }
  func resultType(_ dtype: DType) -> DType
  /// The meaning on the elements of one group.
  func reference(_ group: [Double]) -> Double
  func reference(_ group: [Int64], _ dtype: DType) -> Int64
  /// How elements of a type are combined.
  func combiner(_ dtype: DType) -> Combiner
  /// The type elements are combined in.
  func accumulator(_ dtype: DType) -> DType
  /// An element before it is combined.
  func element(_ x: Expr) -> Expr
  /// The result from the combined value and the number of elements.
  func finish(_ x: Expr, count: Expr) -> Expr
}

extension ReductionOperation {
  package static var operands: [Slot] { [Slot("data")] }
  package static var results: [Slot] { [Slot("reduced")] }
  package static var domain: Set<DType> { DType.numbers }
  package static var accuracy: Accuracy { .accumulation }
  /// Over these axes alone: with none nothing is reduced.
  package init(axes: [Int], keepDims: Bool = true) {
    self.init()
    self.axes = axes
    self.keepDims = keepDims
    noopWithEmptyAxes = true
  }
  package func resultType(_ dtype: DType) -> DType { dtype }
  package func accumulator(_ dtype: DType) -> DType { dtype.computeType }
  package func reference(_ group: [Int64], _ dtype: DType) -> Int64 {
    dtype.integer(saturating: reference(group.map(Double.init)))
  }
  package func element(_ x: Expr) -> Expr { x }
  package func finish(_ x: Expr, count: Expr) -> Expr { x }

  package static func reductionAttributes() -> [Attribute<Self>] {
    [
      Attribute("axes", \.axes, "the axes to reduce, negative ones from the end; empty means all"),
      Attribute("keepdims", \.keepDims, "whether reduced axes stay with size 1"),
      Attribute("noop_with_empty_axes", \.noopWithEmptyAxes, "whether empty axes mean that nothing is reduced"),
    ]
  }
  package static var attributes: [Attribute<Self>] { reductionAttributes() }

  /// The reduced axes as indices of a tensor of this rank.
  package func reducedAxes(rank: Int) throws(TypeError) -> [Int] {
    try normalized(axes, rank: rank, emptyMeansAll: !noopWithEmptyAxes, for: Self.name)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    guard Self.domain.contains(type.dtype) else {
      throw TypeError(
        "'\(Self.name)' does not take \(type.dtype)", operand: 0,
        note: "it takes \(DType.allCases.filter(Self.domain.contains).map(\.name).joined(separator: ", "))")
    }
    let reduced = try reducedAxes(rank: type.rank)
    var shape: [Dim] = []
    for (axis, size) in type.shape.enumerated() {
      if !reduced.contains(axis) { shape.append(size) } else if keepDims { shape.append(1) }
    }
    return [TensorType(resultType(type.dtype), shape)]
  }

  package func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes? {
    guard let reduced = try? reducedAxes(rank: order.count) else { return nil }
    if reduced.isEmpty { return MovedAxes(self, .first, order: order) }
    var moved = self
    moved.axes = reduced.map { order[$0] }.sorted()
    if keepDims { return MovedAxes(moved, .first, order: order) }
    let kept = order.indices.filter { !reduced.contains($0) }.map { order[$0] }
    return MovedAxes(moved, .first, order: kept.map { axis in kept.count { $0 < axis } })
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    let reduced = try reducedAxes(rank: input.shape.count)
    let shape = try inferTypes([input.type])[0].shape.compactMap(\.value)
    let kept = input.shape.indices.filter { !reduced.contains($0) }
    let strides = input.strides
    var result = Reference(zeros: resultType(input.dtype), shape)
    let groupShape = reduced.map { input.shape[$0] }
    let count = groupShape.reduce(1, *)
    var reals = [Double](repeating: 0, count: input.dtype.isFloat ? count : 0)
    var integers = [Int64](repeating: 0, count: input.dtype.isFloat ? 0 : count)
    forEachIndex(kept.map { input.shape[$0] }) { position, index in
      var base = 0
      for (place, axis) in kept.enumerated() { base += index[place] * strides[axis] }
      forEachIndex(groupShape) { member, inner in
        var offset = base
        for (place, axis) in reduced.enumerated() { offset += inner[place] * strides[axis] }
        if input.dtype.isFloat {
          reals[member] = input.reals[offset]
        } else {
          integers[member] = input.integers[offset]
        }
      }
      switch (input.dtype.isFloat, result.dtype.isFloat) {
      case (true, true): result.reals[position] = reference(reals)
      case (false, true): result.reals[position] = reference(integers.map(Double.init))
      case (true, false): result.integers[position] = wrap(Int64(saturating: reference(reals)), to: result.dtype)
      case (false, false): result.integers[position] = wrap(reference(integers, input.dtype), to: result.dtype)
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let input = types.operands[0], let reduced = try? reducedAxes(rank: input.rank) else { return .leaf }
    let keeps = keepDims
    let target = types.results[0].dtype.computeType
    return .reduction(
      ReductionLowering(
        extents: reduced.map { input.shape[$0] }, kind: .combine(combiner(input.dtype)),
        accumulator: accumulator(input.dtype),
        axes: reduced,
        element: { context, index, inner in
          var next = 0
          let full = (0..<input.rank).map { axis -> Expr in
            if let place = reduced.firstIndex(of: axis) {
              if keeps { next += 1 }
              return inner[place]
            }
            next += 1
            return index[next - 1]
          }
          return element(context.operand(0, at: full).cast(to: accumulator(input.dtype)))
        },
        finish: { context, _, value in
          let count = reduced.map { input.shape[$0] }.reduce(Dim(1), *)
          return finish(value, count: context.size(count)).cast(to: target)
        }))
  }

  package static func sample(_ random: inout SampleSource) -> Sample { sampleReduction(&random) }

  static func sampleReduction(_ random: inout SampleSource) -> Sample {
    let dtype = random.dtype(DType.allCases.filter(domain.contains))
    let shape = random.shape(minRank: 1)
    var operation = Self()
    operation.axes = shape.indices.filter { _ in random.bool() }
    operation.keepDims = random.bool()
    return Sample(operation, [TensorType(dtype, shape.map { Dim($0) })])
  }
}

extension DType {
  /// The type that sums of this type are kept in where they must not wrap early.
  var sumType: DType { isFloat ? computeType : self == .u64 ? .u64 : .i64 }
}
