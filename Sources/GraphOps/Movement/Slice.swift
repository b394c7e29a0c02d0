// SPDX-License-Identifier: Apache-2.0
// Parts of axes, every n-th element.

import GraphIR
import KernelIR
import TensorCore

package struct Slice: Operation {
  package static let name = "Slice"
  package static let summary =
    "data[start:end:step] for each named axis; negative numbers count from the end, and what is outside is clamped."
  package static let operands = [Slot("data")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("starts", \.starts, "for each axis the first index"),
      Attribute("ends", \.ends, "for each axis the index after the last; 2147483647 or more means the end"),
      Attribute("axes", \.axes, "the axes, negative from the end; empty means the first ones in order"),
      Attribute("steps", \.steps, "for each axis the distance of indices, negative for reverse; empty means 1"),
    ]
  }
  package var starts: [Dim] = []
  package var ends: [Dim] = []
  package var axes: [Int] = []
  package var steps: [Int] = []
  package init() {}
  package init(starts: [Dim], ends: [Dim], axes: [Int] = [], steps: [Int] = []) {
    self.starts = starts
    self.ends = ends
    self.axes = axes
    self.steps = steps
  }
  /// A contiguous part of one axis.
  package init(axis: Int, from start: Dim, to end: Dim) { self.init(starts: [start], ends: [end], axes: [axis]) }

  /// Numbers from here on mean the end of the axis.
  private static let endless = Int(Int32.max)

  /// The part of one axis: elements `start + i·step` for `i` in `0..<count`.
  package struct Span: Sendable {
    package var start: Dim
    package var step: Int
    package var count: Dim
  }

  /// For each axis of a shape its part.
  package func spans(of shape: [Dim]) throws(TypeError) -> [Span] {
    guard ends.count == starts.count, axes.isEmpty || axes.count == starts.count,
      steps.isEmpty || steps.count == starts.count
    else {
      throw TypeError(
        "'starts', 'ends', 'axes' and 'steps' of 'Slice' have \(starts.count), \(ends.count), \(axes.count) and "
          + "\(steps.count) entries", note: "each needs one entry for each axis; 'axes' and 'steps' may be left out")
    }
    guard starts.count <= shape.count else {
      throw TypeError("'Slice' has \(starts.count) starts for a tensor of rank \(shape.count)", operand: 0)
    }
    var spans = shape.map { Span(start: 0, step: 1, count: $0) }
    var seen: Set<Int> = []
    for entry in starts.indices {
      let axis = try normalized(axes.isEmpty ? entry : axes[entry], rank: shape.count, for: Self.name)
      guard seen.insert(axis).inserted else { throw TypeError("'Slice' names axis \(axis) twice") }
      let step = steps.isEmpty ? 1 : steps[entry]
      guard step != 0, step > -Self.endless, step < Self.endless else {
        throw TypeError("'Slice' cannot step by \(step)")
      }
      spans[axis] = try span(from: starts[entry], to: ends[entry], by: step, of: shape[axis])
    }
    return spans
  }

  private func span(from start: Dim, to end: Dim, by step: Int, of size: Dim) throws(TypeError) -> Span {
    // ONNX's clamping: 0...size going up; going down 0...size-1 for the start and -1...size-1 for the end.
    if step > 0 {
      let first = try position(start, lowest: 0, highest: size, of: size)
      let last = try position(end, lowest: 0, highest: size, of: size)
      return Span(start: first, step: step, count: Dim.larger(0, Dim.ceilDiv(last - first, Dim(step))))
    }
    let first = try position(start, lowest: 0, highest: size - 1, of: size)
    let last = try position(end, lowest: -1, highest: size - 1, of: size)
    return Span(start: first, step: step, count: Dim.larger(0, Dim.ceilDiv(first - last, Dim(-step))))
  }

  /// An index counted from the end where it is negative, and clamped; on an empty axis to `highest`, which is below.
  private func position(_ index: Dim, lowest: Dim, highest: Dim, of size: Dim) throws(TypeError) -> Dim {
    if let number = index.value {
      if number >= Self.endless { return highest }
      if number <= -Self.endless { return Dim.smaller(lowest, highest) }
      let absolute = number < 0 ? size + index : index
      return Dim.smaller(Dim.larger(lowest, absolute), highest)
    }
    let bounds = index.positiveBounds
    let isNegative = (bounds.high ?? 0) < 0
    guard isNegative || (bounds.low ?? -1) >= 0 else {
      throw TypeError("'Slice' cannot tell whether '\(index)' counts from the start or from the end")
    }
    return Dim.smaller(Dim.larger(lowest, isNegative ? size + index : index), highest)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Slice' needs an operand") }
    return [TensorType(type.dtype, try spans(of: type.shape).map(\.count))]
  }

  package func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes? {
    var moved = self
    let named = axes.isEmpty ? Array(starts.indices) : axes.map { $0 < 0 ? $0 + order.count : $0 }
    guard named.allSatisfy(order.indices.contains) else { return nil }
    moved.axes = named.map { order[$0] }
    return MovedAxes(moved, .first, order: order)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let data = operands[0] else { throw TypeError("'Slice' needs an operand") }
    let spans = try spans(of: data.type.shape)
    let starts = try staticSizes(spans.map(\.start), for: Self.name)
    let strides = data.strides
    return [
      data.gathering(try staticSizes(spans.map(\.count), for: Self.name)) { index in
        index.indices.reduce(0) { $0 + (starts[$1] + index[$1] * spans[$1].step) * strides[$1] }
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let shape = types.operands[0]?.shape, let spans = try? spans(of: shape) else { return .leaf }
    return .pointwise { context, index in
      let source = zip(index, spans).map { context.size($1.start) + $0 * .int($1.step) }
      return [context.operand(0, at: source)]
    }
  }

  /// The seed at the places it came from, zeros elsewhere.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let shape = context.type(x).shape
    let spans = try spans(of: shape)
    if spans.allSatisfy({ $0.step == 1 }) {
      let after = zip(shape, spans).map { $0 - $1.start - $1.count }
      return [try context.emit(Pad(pads: spans.map(\.start) + after), seed)]
    }
    return [
      try context.emit(Unslice(shape: shape, starts: spans.map(\.start), steps: spans.map(\.step)), seed)
    ]
  }

  package static var rules: [Rule] {
    [
      // All of every axis.
      Rule("slice-of-everything", on: Slice.self) { slice, context throws(TypeError) in
        guard let type = context.type(0), let x = context.operands[0] else { return nil }
        let spans = try slice.spans(of: type.shape)
        return zip(spans, type.shape).allSatisfy({ $0.start == 0 && $0.step == 1 && $0.count == $1 }) ? [x] : nil
      }
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1)
    let axes = shape.indices.filter { _ in random.bool() }
    let slice = Slice(
      starts: axes.map { Dim(random.int(-shape[$0] - 2...shape[$0] + 2)) },
      ends: axes.map { Dim(random.int(-shape[$0] - 2...shape[$0] + 2)) }, axes: axes,
      steps: axes.map { _ in random.pick([1, 1, 2, 3, -1, -2]) })
    return Sample(slice, [TensorType(random.dtype([.f32, .f64, .i16]), shape.map { Dim($0) })])
  }
}
