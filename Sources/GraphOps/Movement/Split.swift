// SPDX-License-Identifier: Apache-2.0
// A tensor cut along an axis.

import GraphIR
import KernelIR
import TensorCore

package struct Split: Operation {
  package static let name = "Split"
  package static let summary =
    "Parts of an axis, of the sizes in `split`, or `num_outputs` equal ones (the last may be smaller)."
  package static let operands = [Slot("input")]
  package static let results = [Slot("outputs", .variadic)]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis to cut, negative from the end"),
      Attribute("split", \.split, "the sizes of the parts"),
      Attribute("num_outputs", \.outputCount, "the number of equal parts, instead of sizes"),
    ]
  }
  package var axis = 0
  package var split: [Dim] = []
  package var outputCount: Int?
  package init() {}
  package init(axis: Int, sizes: [Dim]) {
    self.axis = axis
    split = sizes
  }
  package init(axis: Int, into count: Int) {
    self.axis = axis
    outputCount = count
  }

  package var resultCount: Int { outputCount ?? split.count }

  /// The parts' sizes.
  package func sizes(of size: Dim) throws(TypeError) -> [Dim] {
    guard let count = outputCount else {
      guard !split.isEmpty else { throw TypeError("'Split' needs 'split' or 'num_outputs'") }
      let total = split.reduce(Dim(0), +)
      guard total == size else {
        throw TypeError("the parts of 'Split' have \(total) elements together, the axis has \(size)", operand: 0)
      }
      return split
    }
    guard split.isEmpty else { throw TypeError("'Split' takes 'split' or 'num_outputs', not both") }
    guard count > 0, count <= 1 << 16 else { throw TypeError("'Split' cannot make \(count) parts") }
    if let part = size.dividedExactly(by: Dim(count)) { return [Dim](repeating: part, count: count) }
    let part = Dim.ceilDiv(size, Dim(count))
    let last = size - part * Dim(count - 1)
    guard size.isConstant, let rest = last.value, rest >= 0 else {
      throw TypeError(
        "an axis of \(size) cannot be cut into \(count) parts", operand: 0, note: "give their sizes in 'split'")
    }
    return [Dim](repeating: part, count: count - 1) + [last]
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Split' needs an operand") }
    let place = try normalized(axis, rank: type.rank, for: Self.name)
    return try sizes(of: type.shape[place]).map { size in
      var part = type
      part.shape[place] = size
      return part
    }
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'Split' needs an operand") }
    let place = try normalized(axis, rank: input.shape.count, for: Self.name)
    let strides = input.strides
    var start = 0
    var parts: [Reference] = []
    for type in try inferTypes([input.type]) {
      let shape = try staticSizes(type.shape, for: Self.name)
      let first = start * strides[place]
      parts.append(input.gathering(shape) { index in zip(index, strides).reduce(first) { $0 + $1.0 * $1.1 } })
      start += shape[place]
    }
    return parts
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { (builder, operands) throws(TypeError) in
      guard let type = types.operands[0] else { return [] }
      let place = try normalized(axis, rank: type.rank, for: Self.name)
      var start: Dim = 0
      var parts: [ValueID] = []
      for result in types.results {
        let end = start + result.shape[place]
        parts.append(try builder.emit(Slice(axis: place, from: start, to: end), operands[0]))
        start = end
      }
      return parts
    }
  }

  /// The seeds joined; zeros for parts that nothing depends on.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let x = context.operands[0], context.seeds.contains(where: { $0 != nil }) else { return [nil] }
    let place = try normalized(axis, rank: context.type(x).rank, for: Self.name)
    var seeds: [ValueID] = []
    for (seed, result) in zip(context.seeds, context.results) {
      if let seed { seeds.append(seed) } else { seeds.append(try context.filled(0, like: result)) }
    }
    return [try context.builder.emitAll(Concat(axis: place), seeds)[0]]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var shape = random.shape(minRank: 1)
    let axis = random.int(0...shape.count - 1)
    let type = random.dtype([.f32, .f64, .i32])
    if random.bool() {
      let count = random.int(1...3)
      shape[axis] = count * random.int(2...5) - (count > 1 ? random.int(0...1) : 0)
      return Sample(Split(axis: axis, into: count), [TensorType(type, shape.map { Dim($0) })])
    }
    let sizes = (0..<random.int(1...3)).map { _ in random.int(1...5) }
    shape[axis] = sizes.reduce(0, +)
    return Sample(
      Split(axis: axis - shape.count, sizes: sizes.map { Dim($0) }), [TensorType(type, shape.map { Dim($0) })])
  }
}
