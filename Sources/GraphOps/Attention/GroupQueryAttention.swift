// SPDX-License-Identifier: Apache-2.0
// Attention of com.microsoft with shared heads of keys, a cache and rotary embedding.

import GraphIR
import TensorCore

/// The present is the past with room for the new rows behind it; each batch entry's rows are written where its own past
/// ends (`seqlens_k` + 1 - rows), so that entries may have pasts of different lengths.
package struct GroupQueryAttention: Operation {
  package static let name = "GroupQueryAttention"
  package static let summary =
    "Causal attention of com.microsoft over a cache of keys and values, whose heads serve several of the query's."
  package static let operands = [
    Slot("query"), Slot("key", .optional), Slot("value", .optional), Slot("past_key", .optional),
    Slot("past_value", .optional), Slot("seqlens_k"), Slot("total_sequence_length", .optional),
    Slot("cos_cache", .optional), Slot("sin_cache", .optional), Slot("position_ids", .optional),
    Slot("attention_bias", .optional),
  ]
  package static let results = [Slot("output"), Slot("present_key"), Slot("present_value")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("num_heads", \.headCount, "heads of the query"),
      Attribute("kv_num_heads", \.keyHeads, "heads of keys and values"),
      Attribute("scale", \.scale, "what products are multiplied by; 0: 1 / √width"),
      Attribute("softcap", \.softcap, "products become softcap · tanh(x / softcap); 0: they stay"),
      Attribute("local_window_size", \.window, "keys that a query looks back at, its own included; -1: all"),
      Attribute("do_rotary", \.isRotary, "whether queries and keys are turned by their positions"),
      Attribute("rotary_interleaved", \.interleaved, "whether turned pairs are neighbours"),
      Attribute("smooth_softmax", \.smoothSoftmax, "must be -1 or 0"),
      Attribute("qk_output", \.scoreOutput, "must be 0"),
    ]
  }
  package var headCount = 1
  package var keyHeads = 1
  package var scale = 0.0
  package var softcap = 0.0
  package var window = -1
  package var isRotary = false
  package var interleaved = false
  package var smoothSoftmax = -1
  package var scoreOutput = 0
  package init() {}

  private struct Shapes {
    var batch, rows, past: Dim
    var width: Int
    var isPacked: Bool
    var total: Dim { past + rows }
  }

  private func shapes(_ operands: [TensorType?]) throws(TypeError) -> Shapes {
    guard let q = operands[0], let counts = optional(operands, 5) else {
      throw TypeError("'GroupQueryAttention' needs a query and 'seqlens_k'")
    }
    guard smoothSoftmax <= 0, scoreOutput == 0 else {
      throw TypeError("'GroupQueryAttention' does not take 'smooth_softmax' or 'qk_output'")
    }
    guard headCount > 0, headCount <= 1 << 20, keyHeads > 0, headCount % keyHeads == 0, window == -1 || window > 0
    else {
      throw TypeError("'GroupQueryAttention' cannot share \(keyHeads) heads among \(headCount)")
    }
    let (key, value) = (optional(operands, 1), optional(operands, 2))
    let isPacked = key == nil && value == nil
    let count = headCount + (isPacked ? 2 * keyHeads : 0)
    guard q.rank == 3, q.dtype.isFloat, let columns = q.shape[2].value, columns % count == 0, columns > 0 else {
      throw TypeError("the query \(q) of 'GroupQueryAttention' does not divide into \(count) heads", operand: 0)
    }
    var shapes = Shapes(batch: q.shape[0], rows: q.shape[1], past: 0, width: columns / count, isPacked: isPacked)
    if !isPacked {
      let wanted = TensorType(q.dtype, [q.shape[0], q.shape[1], Dim(keyHeads * shapes.width)])
      guard key == wanted, value == wanted else {
        throw TypeError("keys and values of 'GroupQueryAttention' must be \(wanted)", operand: 1)
      }
    }
    if let pastKey = optional(operands, 3) {
      guard pastKey.rank == 4, pastKey.dtype == q.dtype, optional(operands, 4) == pastKey else {
        throw TypeError("the past keys \(pastKey) and past values of 'GroupQueryAttention' must be alike", operand: 3)
      }
      shapes.past = pastKey.shape[2]
      guard pastKey.shape == [shapes.batch, Dim(keyHeads), shapes.past, Dim(shapes.width)] else {
        throw TypeError("the past \(pastKey) of 'GroupQueryAttention' does not fit \(q)", operand: 3)
      }
    }
    guard counts.dtype == .i32, counts.elementCount == shapes.batch else {
      throw TypeError("'seqlens_k' of 'GroupQueryAttention' is \(counts), expected i32[\(shapes.batch)]", operand: 5)
    }
    if isRotary {
      guard let cosines = optional(operands, 7), let sines = optional(operands, 8), cosines == sines, cosines.rank == 2,
        cosines.dtype == q.dtype, let half = cosines.shape[1].value, half > 0, 2 * half <= shapes.width
      else { throw TypeError("'GroupQueryAttention' needs the caches of 'do_rotary'", operand: 7) }
    }
    if let bias = optional(operands, 10) {
      let scores = [shapes.batch, Dim(headCount), shapes.rows, shapes.total]
      try checkBias(bias, scores: scores, q.dtype, operand: 10, for: Self.name)
    }
    return shapes
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let shapes = try shapes(operands)
    let dtype = operands[0]?.dtype ?? .f32
    let cache = TensorType(dtype, [shapes.batch, Dim(keyHeads), shapes.total, Dim(shapes.width)])
    return [TensorType(dtype, [shapes.batch, shapes.rows, Dim(headCount * shapes.width)]), cache, cache]
  }

  private var core: DotProductAttention {
    DotProductAttention(scale: scale == 0 ? nil : scale, softcap: softcap)
  }

  private func rotary(_ half: Int, heads: Int) -> RotaryEmbedding {
    RotaryEmbedding(interleaved: interleaved, heads: heads, width: 2 * half)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let query = operands[0], let counts = optional(operands, 5) else {
      throw TypeError("'GroupQueryAttention' needs a query and 'seqlens_k'")
    }
    let shapes = try shapes(operands.map { $0?.type })
    let (batch, rows, width) = (query.shape[0], query.shape[1], shapes.width)
    /// Columns of heads, of one packed tensor or a tensor of their own.
    func heads(_ x: Reference, from start: Int, count: Int) -> Reference {
      let columns = x.shape[2]
      return x.gathering([batch, rows, count * width]) { index in
        (index[0] * rows + index[1]) * columns + start * width + index[2]
      }
    }
    let key = optional(operands, 1) ?? query
    let value = optional(operands, 2) ?? query
    var q = heads(query, from: 0, count: headCount)
    var k = heads(key, from: shapes.isPacked ? headCount : 0, count: keyHeads)
    let v = HeadLayout.split(
      heads(value, from: shapes.isPacked ? headCount + keyHeads : 0, count: keyHeads), heads: keyHeads)
    // The rows each entry has before these.
    let starts = (0..<batch).map { max(0, Int(counts.integers[$0]) + 1 - rows) }
    if isRotary, let cosines = optional(operands, 7), let sines = optional(operands, 8) {
      let positions =
        optional(operands, 9)
        ?? Reference(.i64, [batch, rows], integers: (0..<batch * rows).map { Int64(starts[$0 / rows] + $0 % rows) })
      q = try rotary(cosines.shape[1], heads: headCount).evaluate([q, cosines, sines, positions])[0]
      k = try rotary(cosines.shape[1], heads: keyHeads).evaluate([k, cosines, sines, positions])[0]
    }
    let past = optional(operands, 3)?.shape[2] ?? 0
    func present(_ old: Reference?, _ new: Reference) -> Reference {
      var cache = Reference(zeros: query.dtype, [batch, keyHeads, past + rows, width])
      forEachIndex(cache.shape) { position, index in
        let row = index[2] - starts[index[0]]
        if row >= 0 && row < rows {
          cache.reals[position] = new.reals[((index[0] * keyHeads + index[1]) * rows + row) * width + index[3]]
        } else if let old, index[2] < past {
          cache.reals[position] = old.reals[((index[0] * keyHeads + index[1]) * past + index[2]) * width + index[3]]
        }
      }
      return cache
    }
    let keys = present(optional(operands, 3), HeadLayout.split(k, heads: keyHeads))
    let values = present(optional(operands, 4), v)
    let extra = optional(operands, 10)
    let result = core.reference(HeadLayout.split(q, heads: headCount), keys, values) { b, h, i, j in
      let place = starts[b] + i
      if j > place || (window > 0 && place - j >= window) { return nil }
      return extra.map { $0.reals[$0.broadcastPosition([b, h, i, j])] } ?? 0
    }
    return [HeadLayout.merge(result.output), keys, values]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let query = types.operands[0], let shapes = try? shapes(types.operands) else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      guard let packed = operands[0], let counts = optional(operands, 5) else {
        throw TypeError("'GroupQueryAttention' needs a query and 'seqlens_k'")
      }
      func heads(_ x: ValueID, from start: Int, count: Int) throws(TypeError) -> ValueID {
        let (first, last) = (Dim(start * shapes.width), Dim((start + count) * shapes.width))
        return try builder.slice(x, axis: 2, from: first, to: last)
      }
      var (q, k, v) = (packed, optional(operands, 1) ?? packed, optional(operands, 2) ?? packed)
      if shapes.isPacked {
        q = try heads(packed, from: 0, count: headCount)
        k = try heads(packed, from: headCount, count: keyHeads)
        v = try heads(packed, from: headCount + keyHeads, count: keyHeads)
      }
      let ends = try builder.narrowed(try builder.reshaped(counts, [shapes.batch]), to: .i64)
      let rest = try builder.plus(try builder.sub(ends, try builder.size(shapes.rows, .i64)), 1)
      let starts = try builder.emit(Max(), rest, try builder.scalar(0, .i64))
      let column = try builder.reshaped(starts, [shapes.batch, 1])
      let places = try builder.add(column, try builder.range(shapes.rows, .i64))
      if isRotary, let cosines = optional(operands, 7), let sines = optional(operands, 8) {
        let half = builder.type(cosines).shape[1].value ?? 0
        let positions = optional(operands, 9) ?? places
        q = try builder.emit(rotary(half, heads: headCount), q, cosines, sines, positions)
        k = try builder.emit(rotary(half, heads: keyHeads), k, cosines, sines, positions)
      }
      func present(_ old: ValueID?, _ new: ValueID) throws(TypeError) -> ValueID {
        let rows = try HeadLayout.split(new, heads: keyHeads, &builder)
        let cache: ValueID
        if let old {
          cache = try builder.emit(Pad(pads: [0, 0, 0, 0, 0, 0, shapes.rows, 0]), old)
        } else {
          let shape = [shapes.batch, Dim(keyHeads), shapes.rows, Dim(shapes.width)]
          cache = try builder.emit(ConstantOfShape(shape, 0, query.dtype))
        }
        return try builder.emit(TensorScatter(), cache, rows, starts)
      }
      let keys = try present(optional(operands, 3), k)
      let values = try present(optional(operands, 4), v)
      let own = try builder.reshaped(places, [shapes.batch, 1, shapes.rows, 1])
      let all = try builder.along(3, rank: 4, try builder.range(shapes.total, .i64))
      var allowed = [try builder.emit(LessOrEqual(), all, own)]
      if window > 0 {
        let distance = try builder.sub(own, all)
        allowed.append(try builder.emit(Less(), distance, try builder.scalar(Double(window), .i64)))
      }
      let queries = try HeadLayout.split(q, heads: headCount, &builder)
      let biases = optional(operands, 10).map { [$0] } ?? []
      let parts = try core.emit(queries, keys, values, allowed: allowed, biases: biases, &builder)
      return [try builder.narrowed(try HeadLayout.merge(parts.output, &builder), to: query.dtype), keys, values]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = GroupQueryAttention()
    operation.keyHeads = random.int(1...2)
    operation.headCount = operation.keyHeads * random.int(1...2)
    operation.isRotary = random.bool()
    operation.window = random.pick([-1, 2])
    operation.softcap = random.pick([0, 2])
    let (batch, rows, past, half) = (random.int(1...2), random.int(1...3), random.int(1...3), random.int(1...2))
    let width = 2 * half
    let dtype = random.dtype([.f32, .f64])
    func type(_ shape: [Int]) -> TensorType { TensorType(dtype, shape.map { Dim($0) }) }
    let isPacked = random.bool()
    let columns = operation.headCount + (isPacked ? 2 * operation.keyHeads : 0)
    let rowType = type([batch, rows, operation.keyHeads * width])
    let hasPast = random.bool()
    let cache = type([batch, operation.keyHeads, past, width])
    let cosines = type([past + rows, half])
    return Sample(
      operation,
      [
        type([batch, rows, columns * width]), isPacked ? nil : rowType, isPacked ? nil : rowType,
        hasPast ? cache : nil, hasPast ? cache : nil, TensorType(.i32, [Dim(batch)]), nil,
        operation.isRotary ? cosines : nil, operation.isRotary ? cosines : nil, nil, nil,
      ], ranges: [5: Double(rows - 1)...Double(rows - 1 + (hasPast ? past : 0))])
  }
}
