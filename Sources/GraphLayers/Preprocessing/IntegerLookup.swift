// SPDX-License-Identifier: Apache-2.0
// Integers as their places in a vocabulary.

import GraphIR
import GraphOps
import TensorCore

package struct IntegerLookup: Layer {
  package static let name = "IntegerLookup"
  package static let summary =
    "The place of each integer in a vocabulary, behind places for a mask and for unknown ones."
  package static let required = ["vocabulary"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("max_tokens", \.limit, "the most places; none for no limit"),
      Attribute("num_oov_indices", \.unknownCount, "places for unknown integers, by their remainder"),
      Attribute("mask_token", \.maskToken, "an integer that is place 0"),
      Attribute("oov_token", \.unknownToken, "the integer of unknown places, for invert"),
      Attribute("vocabulary", \.vocabulary, "the integers"),
      Attribute("vocabulary_dtype", \.dtype, "'int64'"),
      Attribute("idf_weights", \.weights, "the weight of each integer, for output_mode = tf_idf"),
      Attribute("invert", \.inverts, "whether places become integers"),
      Attribute("output_mode", \.outputMode, "'int', 'one_hot', 'multi_hot', 'count' or 'tf_idf'"),
      Attribute("pad_to_max_tokens", \.padsToLimit, "whether vectors have max_tokens elements"),
      Attribute("oov_method", \.unknownMethod, "'floormod'"),
      Attribute("salt", \.salt, "none"),
    ]
  }
  package var limit: Int?
  package var unknownCount = 1
  package var maskToken: Int?
  package var unknownToken = -1
  package var vocabulary: [Int] = []
  package var dtype = "int64"
  package var weights: [Double]?
  package var inverts = false
  package var outputMode = "int"
  package var padsToLimit = false
  package var unknownMethod = "floormod"
  package var salt: Int?
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let given = try operand(inputs)
    guard context.type(given).dtype.isInteger else {
      throw TypeError("'IntegerLookup' needs integers, found \(context.type(given))", operand: 0)
    }
    guard !vocabulary.isEmpty, Set(vocabulary).count == vocabulary.count,
      maskToken.map({ !vocabulary.contains($0) }) ?? true
    else { throw TypeError("'vocabulary' of 'IntegerLookup' must hold different integers, and not the mask's") }
    guard (0...1 << 20).contains(unknownCount), (1...1 << 24).contains(limit ?? 1) else {
      throw TypeError("'num_oov_indices' and 'max_tokens' of 'IntegerLookup' are too large or negative")
    }
    guard unknownMethod == "floormod", salt == nil else {
      throw TypeError("'oov_method' of 'IntegerLookup' must be 'floormod': hashes of text have no meaning for tensors")
    }
    let x = context.type(given).dtype == .i64 ? given : try context.emit(Cast(to: .i64), given)
    // A mask has a place in lists of places only.
    let first = maskToken != nil && outputMode == "int" ? 1 : 0
    let start = first + unknownCount
    let depth = start + vocabulary.count
    if let limit, depth > limit {
      throw TypeError("'IntegerLookup' has \(depth) places, more than max_tokens = \(limit)")
    }
    guard let words = Tensor(.i64, [vocabulary.count], integers: vocabulary.map { Int64($0) }) else {
      throw TypeError("out of memory")
    }
    let table = try context.builder.constant(words)
    if inverts { return result(try inverse(&context, x, table, start: start, isMasked: first == 1)) }
    let column = try context.emit(Unsqueeze(axes: [-1]), x)
    let isIt = try context.emit(Cast(to: .i64), try context.emit(Equal(), column, table))
    let places = try context.emit(Add(), try context.range(Dim(vocabulary.count), .i64), try number(&context, start))
    var place = try context.emit(ReduceSum(axes: [-1], keepDims: false), try context.emit(Mul(), isIt, places))
    let isKnown = try context.emit(ReduceSum(axes: [-1], keepDims: false), isIt)
    // Unknown integers by their remainder; with no place for them they have none.
    var unknown = try number(&context, unknownCount == 0 ? -1 : first)
    if unknownCount > 1 {
      unknown = try context.emit(Add(), try context.emit(Mod(), x, try number(&context, unknownCount)), unknown)
    }
    place = try context.emit(Where(), try context.emit(Cast(to: .bool), isKnown), place, unknown)
    if let maskToken {
      let isMask = try context.emit(Equal(), x, try number(&context, maskToken))
      place = try context.emit(Where(), isMask, try number(&context, first == 1 ? 0 : -1), place)
    }
    return result(try encoded(&context, place, depth: padsToLimit ? limit ?? depth : depth, start: start))
  }

  private func number(_ context: inout LayerContext, _ value: Int) throws(TypeError) -> ValueID {
    try context.builder.scalar(Double(value), .i64)
  }

  /// Places as the output mode wants them.
  private func encoded(
    _ context: inout LayerContext, _ place: ValueID, depth: Int, start: Int
  ) throws(TypeError) -> ValueID {
    let isWeighted = outputMode == "tf_idf"
    let mode = isWeighted ? "count" : outputMode
    let y = try context.encoded(place, depth: depth, mode, allowsInt: true, for: Self.name)
    guard isWeighted else { return y }
    guard let weights, weights.count == vocabulary.count else {
      throw TypeError(
        "'idf_weights' of 'IntegerLookup' must have a number for each of the \(vocabulary.count) integers")
    }
    // Unknown integers weigh as the mean of the known ones.
    let mean = weights.reduce(0, +) / Double(weights.count)
    let all = [Double](repeating: mean, count: start) + weights
    guard let tensor = Tensor(.f32, [depth], doubles: all + [Double](repeating: 0, count: max(depth - all.count, 0)))
    else {
      throw TypeError("out of memory")
    }
    return try context.emit(Mul(), y, try context.builder.constant(tensor))
  }

  /// The integers at places.
  private func inverse(
    _ context: inout LayerContext, _ x: ValueID, _ table: ValueID, start: Int, isMasked: Bool
  ) throws(TypeError) -> ValueID {
    let special =
      (isMasked ? [Int64(maskToken ?? 0)] : [])
      + [Int64](repeating: Int64(unknownToken), count: start - (isMasked ? 1 : 0))
    guard let front = Tensor(.i64, [special.count], integers: special) else { throw TypeError("out of memory") }
    let all = try context.builder.emitAny(Concat(axis: 0), [try context.builder.constant(front), table])[0]
    let count = try number(&context, start + vocabulary.count)
    let zero = try number(&context, 0)
    let isInside = try context.emit(
      And(), try context.emit(GreaterOrEqual(), x, zero), try context.emit(Less(), x, count))
    let found = try context.emit(Gather(axis: 0), all, try context.emit(Where(), isInside, x, zero))
    return try context.emit(Where(), isInside, found, try number(&context, unknownToken))
  }
}
