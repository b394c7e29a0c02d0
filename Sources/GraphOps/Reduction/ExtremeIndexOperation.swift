// SPDX-License-Identifier: Apache-2.0
// What ArgMax and ArgMin share.

import GraphIR
import KernelIR
import TensorCore

package protocol ExtremeIndexOperation: Operation {
  /// `max` or `min`.
  static var combiner: Combiner { get }
  var axis: Int { get set }
  /// Whether the axis stays with size 1.
  var keepDims: Bool { get set }
  /// Whether the last of equal elements counts instead of the first.
  var selectLastIndex: Bool { get set }
}

extension ExtremeIndexOperation {
  package static var operands: [Slot] { [Slot("data")] }
  package static var results: [Slot] { [Slot("reduced")] }
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis to search, negative from the end"),
      Attribute("keepdims", \.keepDims, "whether the axis stays with size 1"),
      Attribute("select_last_index", \.selectLastIndex, "whether the last of equal elements counts"),
    ]
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    guard DType.numbers.contains(type.dtype) else {
      throw TypeError("'\(Self.name)' does not take \(type.dtype)", operand: 0)
    }
    let index = try normalized(axis, rank: type.rank, for: Self.name)
    if type.shape[index] == 0 {
      throw TypeError("axis \(axis) of \(type) is empty: '\(Self.name)' has nothing to choose from", operand: 0)
    }
    var shape = type.shape
    if keepDims { shape[index] = 1 } else { shape.remove(at: index) }
    return [TensorType(.i64, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    let index = try normalized(axis, rank: input.shape.count, for: Self.name)
    let shape = try inferTypes([input.type])[0].shape.compactMap(\.value)
    let step = input.strides[index]
    var outer = input.shape
    outer[index] = 1
    var result = Reference(zeros: .i64, shape)
    forEachIndex(outer) { position, place in
      let base = zip(place, input.strides).reduce(0) { $0 + $1.0 * $1.1 }
      var best = 0
      for candidate in 1..<max(input.shape[index], 1)
      where replaces(base + candidate * step, base + best * step, in: input) { best = candidate }
      result.integers[position] = Int64(best)
    }
    return [result]
  }

  /// Whether a later element is chosen over the one found so far; both are flat offsets.
  private func replaces(_ new: Int, _ old: Int, in input: Reference) -> Bool {
    let isMax = Self.combiner == .max
    if input.dtype.isFloat {
      let (x, y) = (input.reals[new], input.reals[old])
      if x.isNaN || y.isNaN { return x.isNaN && (selectLastIndex || !y.isNaN) }
      return x == y ? selectLastIndex : (x > y) == isMax
    }
    let (x, y) = (input.integers[new], input.integers[old])
    return x == y ? selectLastIndex : isLess(y, x, input.dtype) == isMax
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let input = types.operands[0], let place = try? normalized(axis, rank: input.rank, for: Self.name) else {
      return .leaf
    }
    let keeps = keepDims
    return .reduction(
      ReductionLowering(
        extents: [input.shape[place]], kind: .index(Self.combiner, last: selectLastIndex),
        accumulator: input.dtype.computeType, axes: [place],
        element: { context, index, inner in
          var full = index
          if keeps { full[place] = inner[0] } else { full.insert(inner[0], at: place) }
          return context.operand(0, at: full)
        }))
  }

  /// Positions are integers.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1)
    var operation = Self()
    operation.axis = random.int(-shape.count...shape.count - 1)
    operation.keepDims = random.bool()
    operation.selectLastIndex = random.bool()
    let dtype = random.dtype([.f32, .f64, .bf16, .i32, .u64])
    return Sample(operation, [TensorType(dtype, shape.map { Dim($0) })], ranges: dtype.isInteger ? [0: 0...3] : [:])
  }
}
