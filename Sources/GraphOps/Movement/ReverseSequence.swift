// SPDX-License-Identifier: Apache-2.0
// Sequences of different lengths reversed.

import GraphIR
import KernelIR
import TensorCore

package struct ReverseSequence: Operation {
  package static let name = "ReverseSequence"
  package static let summary =
    "The first sequence_lens[b] elements along the time axis of each batch entry in reverse; the others stay. "
    + "Lengths are clamped to the axis."
  package static let operands = [Slot("input"), Slot("sequence_lens")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("batch_axis", \.batchAxis, "the axis of the batch: 0 or 1"),
      Attribute("time_axis", \.timeAxis, "the axis of time: the other"),
    ]
  }
  package var batchAxis = 1
  package var timeAxis = 0
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let input = operands[0], let lengths = operands[1] else {
      throw TypeError("'ReverseSequence' needs two operands")
    }
    guard Set([batchAxis, timeAxis]) == [0, 1] else {
      throw TypeError(
        "'batch_axis' and 'time_axis' of 'ReverseSequence' are \(batchAxis) and \(timeAxis)",
        note: "one is 0 and the other 1")
    }
    guard input.rank >= 2 else {
      throw TypeError("'ReverseSequence' needs two axes or more, found \(input)", operand: 0)
    }
    try checkIndices(lengths, for: Self.name)
    guard lengths.shape == [input.shape[batchAxis]] else {
      throw TypeError(
        "the lengths of 'ReverseSequence' must have shape [\(input.shape[batchAxis])], found \(lengths)", operand: 1)
    }
    return [input]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0], let lengths = operands[1] else {
      throw TypeError("'ReverseSequence' needs two operands")
    }
    _ = try inferTypes([input.type, lengths.type])
    let strides = input.strides
    return [
      input.gathering(input.shape) { index in
        let length = Int(min(lengths.integers[index[batchAxis]], Int64(input.shape[timeAxis])))
        var source = index
        if index[timeAxis] < length { source[timeAxis] = length - 1 - index[timeAxis] }
        return zip(source, strides).reduce(0) { $0 + $1.0 * $1.1 }
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let input = types.operands[0] else { return .leaf }
    return .pointwise { context, index in
      let given = context.operand(1, at: [index[batchAxis]]).cast(to: .i64)
      let length = Expr.min(given, context.size(input.shape[timeAxis]))
      let time = index[timeAxis]
      var source = index
      source[timeAxis] = .select(.less(time, length), length - .int(1) - time, time)
      return [context.operand(0, at: source)]
    }
  }

  /// Reversing twice gives the original order.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return [nil, nil] }
    return [try context.emit(self, seed, context.operands[1]), nil]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = ReverseSequence()
    if random.bool() { (operation.batchAxis, operation.timeAxis) = (0, 1) }
    let shape = random.shape(minRank: 2)
    return Sample(
      operation,
      [
        TensorType(random.dtype([.f32, .f64, .i32]), shape.map { Dim($0) }),
        TensorType(.i64, [Dim(shape[operation.batchAxis])]),
      ], ranges: [1: 0...Double(shape[operation.timeAxis] + 1)])
  }
}
