// SPDX-License-Identifier: Apache-2.0
// The rotary position embedding of com.microsoft.

import GraphIR
import TensorCore

/// Position ids are one start for all of a batch, or one id for each row.
package struct MicrosoftRotaryEmbedding: Operation {
  package static let name = "MicrosoftRotaryEmbedding"
  package static let summary =
    "RotaryEmbedding of com.microsoft: position ids before the caches, heads from the caches."
  package static let operands = [Slot("input"), Slot("position_ids"), Slot("cos_cache"), Slot("sin_cache")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("interleaved", \.interleaved, "whether pairs are neighbours (else first and second half)"),
      Attribute("num_heads", \.headCount, "heads of an input [B, rows, heads · width]; 0: from the caches"),
      Attribute("rotary_embedding_dim", \.rotaryWidth, "leading elements of a head that are turned; 0: all"),
      Attribute("scale", \.scale, "must be 1"),
      Attribute("is_packed_batching", \.isPacked, "must be false"),
    ]
  }
  package var interleaved = false
  package var headCount = 0
  package var rotaryWidth = 0
  package var scale = 1.0
  package var isPacked = false
  package init() {}

  private func plain(_ x: TensorType, _ cosines: TensorType) throws(TypeError) -> RotaryEmbedding {
    guard scale == 1, !isPacked else {
      throw TypeError("'MicrosoftRotaryEmbedding' does not take a scale or packed batches")
    }
    var heads = x.rank == 3 ? headCount : 0
    if x.rank == 3 && heads == 0, cosines.rank == 2, let total = x.shape[2].value, let half = cosines.shape[1].value,
      half > 0
    {
      heads = total / (2 * half)
    }
    return RotaryEmbedding(interleaved: interleaved, heads: heads, width: rotaryWidth)
  }

  private func rows(_ x: TensorType) -> [Dim] { x.rank == 4 ? [x.shape[0], x.shape[2]] : Array(x.shape.prefix(2)) }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let positions = operands[1], let cosines = operands[2], let sines = operands[3] else {
      throw TypeError("'MicrosoftRotaryEmbedding' needs four operands")
    }
    try checkIndices(positions, operand: 1, for: Self.name)
    var ids = positions
    if positions.elementCount == 1 && x.rank >= 3 { ids.shape = rows(x) }
    return try plain(x, cosines).inferTypes([x, cosines, sines, ids])
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], var positions = operands[1], let cosines = operands[2] else {
      throw TypeError("'MicrosoftRotaryEmbedding' needs four operands")
    }
    _ = try inferTypes(operands.map { $0?.type })
    let rows = try staticSizes(rows(x.type), for: Self.name)
    if positions.count == 1 && rows != positions.shape {
      let start = positions.integers[0]
      positions = Reference(
        positions.dtype, rows, integers: (0..<rows[0] * rows[1]).map { start &+ Int64($0 % rows[1]) })
    }
    return try plain(x.type, cosines.type).evaluate([x, cosines, operands[3], positions])
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let cosines = types.operands[2], let plain = try? plain(x, cosines) else {
      return .leaf
    }
    let rows = rows(x)
    return .decompose { builder, operands throws(TypeError) in
      guard var positions = operands[1] else { throw TypeError("'MicrosoftRotaryEmbedding' needs four operands") }
      let type = builder.type(positions)
      if type.elementCount == 1 && type.shape != rows {
        let line = try builder.range(rows[1], type.dtype)
        positions = try builder.add(try builder.reshaped(positions, []), line)
        positions = try builder.expanded(positions, to: rows)
      }
      return try builder.emitAll(plain, [operands[0], operands[2], operands[3], positions])
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let (batch, rows, heads, half) = (random.int(1...2), random.int(1...4), random.int(1...3), random.int(1...3))
    var operation = MicrosoftRotaryEmbedding()
    operation.interleaved = random.bool()
    let dtype = random.dtype([.f32, .f64])
    let cache = TensorType(dtype, [9, Dim(half)])
    let isStart = random.bool()
    return Sample(
      operation,
      [
        TensorType(dtype, [batch, rows, heads * half * 2].map { Dim($0) }),
        TensorType(.i64, isStart ? [1] : [Dim(batch), Dim(rows)]), cache, cache,
      ], ranges: [1: 0...4])
  }
}
