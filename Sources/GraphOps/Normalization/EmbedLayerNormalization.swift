// SPDX-License-Identifier: Apache-2.0
// The first layer of BERT in one operator of com.microsoft.

import GraphIR
import TensorCore

package struct EmbedLayerNormalization: Operation {
  package static let name = "EmbedLayerNormalization"
  package static let summary =
    "LayerNormalization of word + position (+ segment) embeddings, the number of unmasked words, and the sum."
  package static let operands = [
    Slot("input_ids"), Slot("segment_ids", .optional), Slot("word_embedding"), Slot("position_embedding"),
    Slot("segment_embedding", .optional), Slot("gamma"), Slot("beta"), Slot("mask", .optional),
    Slot("position_ids", .optional),
  ]
  package static let results = [Slot("output"), Slot("mask_index"), Slot("embedding_sum")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("epsilon", \.epsilon, "added to the variance"),
      Attribute("mask_index_type", \.maskIndexType, "0: no mask index, 1: the number of unmasked words"),
    ]
  }
  package var epsilon = 1e-12
  package var maskIndexType = 0
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let ids = operands[0], let words = optional(operands, 2), let places = optional(operands, 3),
      let gamma = optional(operands, 5), let beta = optional(operands, 6)
    else { throw TypeError("'EmbedLayerNormalization' needs ids, embeddings, gamma and beta") }
    try checkIndices(ids, operand: 0, for: Self.name)
    guard ids.rank == 2, words.rank == 2, words.dtype.isFloat, words.shape[0] != 0 else {
      throw TypeError(
        "'EmbedLayerNormalization' takes ids [B, rows] and embeddings, found \(ids) and \(words)", operand: 0)
    }
    let width = words.shape[1]
    let line = TensorType(words.dtype, [width])
    guard gamma == line, beta == line, places.dtype == words.dtype, places.rank == 2, places.shape[1] == width else {
      throw TypeError("the operands of 'EmbedLayerNormalization' must have rows of \(width)", operand: 3)
    }
    guard (optional(operands, 1) != nil) == (optional(operands, 4) != nil) else {
      throw TypeError("'EmbedLayerNormalization' needs both segment ids and their embedding, or neither", operand: 1)
    }
    if let table = optional(operands, 4), table.rank != 2 || table.shape[1] != width || table.dtype != words.dtype {
      throw TypeError(
        "the segment embedding \(table) of 'EmbedLayerNormalization' must have rows of \(width)", operand: 4)
    }
    for index in [1, 7, 8] {
      guard let type = optional(operands, index) else { continue }
      try checkIndices(type, operand: index, for: Self.name)
      guard type.shape == ids.shape || (index == 8 && type.shape == [1, ids.shape[1]]) else {
        throw TypeError("\(type) of 'EmbedLayerNormalization' does not fit the ids \(ids)", operand: index)
      }
    }
    if optional(operands, 8) == nil, !Dim.isKnown(ids.shape[1], atMost: places.shape[0]), ids.shape[1].value != nil {
      throw TypeError(
        "\(ids.shape[1]) rows of 'EmbedLayerNormalization' have only \(places.shape[0]) positions", operand: 3)
    }
    let rows = TensorType(words.dtype, ids.shape + [width])
    return [rows, TensorType(.i32, [ids.shape[0]]), rows]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let types = try inferTypes(operands.map { $0?.type })
    guard let ids = operands[0], let words = optional(operands, 2), let places = optional(operands, 3),
      let gamma = optional(operands, 5), let beta = optional(operands, 6)
    else { throw TypeError("'EmbedLayerNormalization' needs ids, embeddings, gamma and beta") }
    let (batch, rows, width) = (ids.shape[0], ids.shape[1], words.shape[1])
    var sum = Reference(zeros: words.dtype, [batch, rows, width])
    var output = sum
    for row in 0..<batch * rows {
      func embedded(_ table: Reference, _ id: Int64, _ column: Int) -> Double {
        table.reals[clampedIndex(id, table.shape[0]) * width + column]
      }
      let place = optional(operands, 8).map { $0.integers[$0.shape[0] == 1 ? row % rows : row] } ?? Int64(row % rows)
      for column in 0..<width {
        var value = embedded(words, ids.integers[row], column) + embedded(places, place, column)
        if let segments = optional(operands, 1), let table = optional(operands, 4) {
          value += embedded(table, segments.integers[row], column)
        }
        sum.reals[row * width + column] = value
      }
      let line = sum.reals[row * width..<(row + 1) * width]
      let mean = line.reduce(0, +) / Double(width)
      let variance = line.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      for (column, value) in line.enumerated() {
        output.reals[row * width + column] =
          (value - mean) / (variance + epsilon).squareRoot() * gamma.reals[column] + beta.reals[column]
      }
    }
    let counts = (0..<batch).map { b -> Int64 in
      guard let mask = optional(operands, 7) else { return 0 }
      return Int64(mask.integers[b * rows..<(b + 1) * rows].reduce(0) { $0 + ($1 != 0 ? 1 : 0) })
    }
    return [output, Reference(.i32, try staticSizes(types[1].shape, for: Self.name), integers: counts), sum]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let ids = types.operands[0] else { return .leaf }
    let dtype = types.results[0].dtype
    return .decompose { builder, operands throws(TypeError) in
      func embedded(_ table: Int, _ indices: ValueID?) throws(TypeError) -> ValueID {
        try builder.widened(try builder.emit(Gather(axis: 0), operands[table], indices))
      }
      var sum = try embedded(2, operands[0])
      if let places = optional(operands, 8) {
        sum = try builder.add(sum, try embedded(3, places))
      } else {
        sum = try builder.add(sum, try embedded(3, try builder.range(ids.shape[1], .i64)))
      }
      if let segments = optional(operands, 1) { sum = try builder.add(sum, try embedded(4, segments)) }
      let parts = try builder.standardize(sum, [2], epsilon: epsilon)
      var y = try builder.mul(try builder.mul(parts.centred, parts.scale), try builder.widened(operands[5]))
      y = try builder.add(y, try builder.widened(operands[6]))
      let count: ValueID
      if let mask = optional(operands, 7) {
        let isKept = try builder.emit(Cast(to: .bool), mask)
        count = try builder.emit(ReduceSum(axes: [1], keepDims: false), try builder.emit(Cast(to: .i32), isKept))
      } else {
        count = try builder.emit(ConstantOfShape([ids.shape[0]], 0, .i32))
      }
      return [try builder.narrowed(y, to: dtype), count, try builder.narrowed(sum, to: dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let (batch, rows, width) = (Dim(random.int(1...2)), Dim(random.int(1...4)), Dim(random.int(2...5)))
    let dtype = random.dtype([.f32, .f64])
    let ids = TensorType(.i32, [batch, rows])
    let line = TensorType(dtype, [width])
    let hasSegments = random.bool()
    return Sample(
      EmbedLayerNormalization(),
      [
        ids, hasSegments ? ids : nil, TensorType(dtype, [7, width]), TensorType(dtype, [5, width]),
        hasSegments ? TensorType(dtype, [2, width]) : nil, line, line, random.bool() ? ids : nil,
        random.bool() ? ids : nil,
      ], ranges: [0: 0...6, 1: 0...1, 7: 0...1, 8: 0...4])
  }
}
