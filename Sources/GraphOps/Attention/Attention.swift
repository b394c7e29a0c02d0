// SPDX-License-Identifier: Apache-2.0
// ONNX's attention.

import GraphIR
import TensorCore

/// Queries, keys and values are `[B, heads, rows, width]`, or `[B, rows, heads · width]` with the numbers of heads.
package struct Attention: Operation {
  package static let name = "Attention"
  package static let summary =
    "softmax(scale · Q · Kᵀ + mask) · V over heads, with a cache of past keys and values, causal and sliding masks."
  package static let operands = [
    Slot("Q"), Slot("K"), Slot("V"), Slot("attn_mask", .optional), Slot("past_key", .optional),
    Slot("past_value", .optional), Slot("nonpad_kv_seqlen", .optional),
  ]
  package static let results = [Slot("Y"), Slot("present_key"), Slot("present_value"), Slot("qk_matmul_output")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("is_causal", \.isCausal, "whether a query looks at no key after it"),
      Attribute("scale", \.scale, "what products are multiplied by; none: 1 / √width"),
      Attribute("q_num_heads", \.queryHeads, "heads of Q where it is [B, rows, heads · width]; else 0"),
      Attribute("kv_num_heads", \.keyHeads, "heads of K and V where they are [B, rows, heads · width]; else 0"),
      Attribute("softcap", \.softcap, "products become softcap · tanh(x / softcap); 0: they stay"),
      Attribute("softmax_precision", \.precision, "the type softmax is computed in, at least f32"),
      Attribute(
        "qk_matmul_output_mode", \.outputMode,
        "the last result: 0 the products, 1 after softcap, 2 with bias and masks, 3 after softmax"),
      Attribute("left_window_size", \.leftWindow, "keys before a query's own that it looks at; -1: all"),
      Attribute("right_window_size", \.rightWindow, "keys after a query's own that it looks at; -1: all"),
    ]
  }
  package var isCausal = false
  package var scale: Double?
  package var queryHeads = 0
  package var keyHeads = 0
  package var softcap = 0.0
  package var precision: DType?
  package var outputMode = 0
  package var leftWindow = -1
  package var rightWindow = -1
  package init() {}

  /// The types over heads.
  private struct Shapes {
    var isFlat: Bool
    var q, k, v: [Dim]
    var past: Dim
    /// Keys with those of the past.
    var total: Dim { k[2] + past }
  }

  private func shapes(_ operands: [TensorType?]) throws(TypeError) -> Shapes {
    guard let q = operands[0], let k = operands[1], let v = operands[2] else {
      throw TypeError("'Attention' needs three operands")
    }
    guard q.dtype.isFloat, k.dtype == q.dtype, v.dtype.isFloat else {
      throw TypeError("'Attention' takes floats, found \(q), \(k) and \(v)", operand: 0)
    }
    let isFlat = q.rank == 3
    guard q.rank == k.rank, k.rank == v.rank, isFlat || q.rank == 4 else {
      throw TypeError("'Attention' takes tensors of rank 3 or 4, found \(q), \(k) and \(v)", operand: 0)
    }
    func heads(_ type: TensorType, _ count: Int, _ operand: Int) throws(TypeError) -> [Dim] {
      guard isFlat else { return type.shape }
      guard count > 0, let width = type.shape[2].dividedExactly(by: Dim(count)) else {
        throw TypeError("\(type) of 'Attention' does not divide into \(count) heads", operand: operand)
      }
      return [type.shape[0], Dim(count), type.shape[1], width]
    }
    var shapes = Shapes(
      isFlat: isFlat, q: try heads(q, queryHeads, 0), k: try heads(k, keyHeads, 1), v: try heads(v, keyHeads, 2),
      past: 0)
    guard shapes.q[0] == shapes.k[0], shapes.k.prefix(3) == shapes.v.prefix(3), shapes.q[3] == shapes.k[3],
      shapes.q[1] == shapes.k[1] || shapes.q[1].dividedExactly(by: shapes.k[1]) != nil
    else { throw TypeError("the sizes of Q \(q), K \(k) and V \(v) of 'Attention' do not fit", operand: 1) }
    if let pastKey = optional(operands, 4), let pastValue = optional(operands, 5) {
      guard pastKey.rank == 4, pastValue.rank == 4, pastKey.dtype == k.dtype, pastValue.dtype == v.dtype else {
        throw TypeError("the past of 'Attention' is \(pastKey) and \(pastValue), expected rank 4", operand: 4)
      }
      shapes.past = pastKey.shape[2]
      guard pastKey.shape == [shapes.k[0], shapes.k[1], shapes.past, shapes.k[3]],
        pastValue.shape == [shapes.v[0], shapes.v[1], shapes.past, shapes.v[3]]
      else {
        throw TypeError("the past \(pastKey) and \(pastValue) of 'Attention' does not fit \(k) and \(v)", operand: 4)
      }
    } else if optional(operands, 4) != nil || optional(operands, 5) != nil {
      throw TypeError("'Attention' needs both past keys and past values, or neither", operand: 4)
    }
    return shapes
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let shapes = try shapes(operands)
    guard let q = operands[0], let v = operands[2] else { throw TypeError("'Attention' needs three operands") }
    guard leftWindow >= -1, rightWindow >= -1, (0...3).contains(outputMode), precision?.isFloat ?? true else {
      throw TypeError("an attribute of 'Attention' is out of range", note: "windows are -1 or more, the mode 0 to 3")
    }
    let scores = [shapes.q[0], shapes.q[1], shapes.q[2], shapes.total]
    if let mask = optional(operands, 3) {
      guard mask.dtype == .bool || mask.dtype == q.dtype, (1...4).contains(mask.rank) else {
        throw TypeError("the mask of 'Attention' is \(mask), expected bool or \(q.dtype)", operand: 3)
      }
      var whole = mask
      whole.shape[mask.rank - 1] = shapes.total
      guard try broadcast([TensorType(mask.dtype, scores), whole], for: Self.name) == scores else {
        throw TypeError("the mask \(mask) of 'Attention' does not broadcast to the scores", operand: 3)
      }
    }
    if let counts = optional(operands, 6) {
      guard counts.shape == [shapes.q[0]], counts.dtype == .i64 || counts.dtype == .i32, shapes.past == 0 else {
        throw TypeError("'nonpad_kv_seqlen' of 'Attention' is \(counts), expected i64[\(shapes.q[0])]", operand: 6)
      }
    }
    let rows = [shapes.q[0], shapes.q[1], shapes.q[2], shapes.v[3]]
    let output = shapes.isFlat ? [rows[0], rows[2], rows[1] * rows[3]] : rows
    return [
      TensorType(q.dtype, output), TensorType(q.dtype, [shapes.k[0], shapes.k[1], shapes.total, shapes.k[3]]),
      TensorType(v.dtype, [shapes.v[0], shapes.v[1], shapes.total, shapes.v[3]]), TensorType(q.dtype, scores),
    ]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var q = operands[0], var k = operands[1], var v = operands[2] else {
      throw TypeError("'Attention' needs three operands")
    }
    let types = try inferTypes(operands.map { $0?.type })
    if q.shape.count == 3 {
      q = HeadLayout.split(q, heads: queryHeads)
      k = HeadLayout.split(k, heads: keyHeads)
      v = HeadLayout.split(v, heads: keyHeads)
    }
    let past = optional(operands, 4)?.shape[2] ?? 0
    if let pastKey = optional(operands, 4), let pastValue = optional(operands, 5) {
      k = try pastKey.joined(k, axis: 2)
      v = try pastValue.joined(v, axis: 2)
    }
    let (mask, counts) = (optional(operands, 3), optional(operands, 6))
    let rows = q.shape[2]
    let core = DotProductAttention(scale: scale, softcap: softcap)
    let values = core.reference(q, k, v) { b, h, i, j in
      // A query's place among the keys.
      let place = i &+ (counts.map { Int($0.integers[b]) &- rows } ?? past)
      if isCausal && j > place { return nil }
      if leftWindow >= 0 && place &- j > leftWindow || rightWindow >= 0 && j &- place > rightWindow { return nil }
      if let counts, j >= counts.integers[b] { return nil }
      guard let mask else { return 0 }
      if j >= mask.shape[mask.shape.count - 1] { return nil }
      let position = mask.broadcastPosition([b, h, i, j])
      return mask.dtype == .bool ? (mask.integers[position] != 0 ? 0 : nil) : mask.reals[position]
    }
    let scores = [values.products, values.capped, values.biased, values.probabilities][outputMode]
    var results = [types[0].rank == 3 ? HeadLayout.merge(values.output) : values.output, k, v, scores]
    for index in results.indices { results[index].dtype = types[index].dtype }
    return results
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let shapes = try? shapes(types.operands) else { return .leaf }
    let core = DotProductAttention(scale: scale, softcap: softcap, precision: precision)
    return .decompose { builder, operands throws(TypeError) in
      guard var q = operands[0], var k = operands[1], var v = operands[2] else {
        throw TypeError("'Attention' needs three operands")
      }
      if shapes.isFlat {
        q = try HeadLayout.split(q, heads: queryHeads, &builder)
        k = try HeadLayout.split(k, heads: keyHeads, &builder)
        v = try HeadLayout.split(v, heads: keyHeads, &builder)
      }
      if let pastKey = optional(operands, 4), let pastValue = optional(operands, 5) {
        k = try builder.emit(Concat(axis: 2), pastKey, k)
        v = try builder.emit(Concat(axis: 2), pastValue, v)
      }
      var (allowed, biases): ([ValueID], [ValueID]) = ([], [])
      if let mask = optional(operands, 3) {
        let type = builder.type(mask)
        let missing = shapes.total - type.shape[type.rank - 1]
        let isBool = type.dtype == .bool
        let pads = type.shape.map { _ in Dim(0) } + type.shape.indices.map { $0 == type.rank - 1 ? missing : 0 }
        var whole = missing == 0 ? mask : try builder.emit(Pad(pads: pads, value: isBool ? 0 : -.infinity), mask)
        // The sizes are the same, whether or not that shows where they are only named.
        if builder.type(whole).shape[type.rank - 1] != shapes.total {
          whole = try builder.emit(Prefix(axis: type.rank - 1, shapes.total), whole)
        }
        if isBool { allowed.append(whole) } else { biases.append(try builder.widened(whole)) }
      }
      allowed += try masks(shapes, optional(operands, 6), &builder)
      let parts = try core.emit(q, k, v, allowed: allowed, biases: biases, &builder)
      let scores = [parts.products, parts.capped, parts.biased, parts.probabilities][outputMode]
      let output = shapes.isFlat ? try HeadLayout.merge(parts.output, &builder) : parts.output
      return [
        try builder.narrowed(output, to: types.results[0].dtype), k, v,
        try builder.narrowed(scores, to: types.results[3].dtype),
      ]
    }
  }

  /// Which keys a query may look at by their places alone.
  private func masks(
    _ shapes: Shapes, _ counts: ValueID?, _ builder: inout GraphBuilder
  ) throws(TypeError) -> [ValueID] {
    var masks: [ValueID] = []
    let keys = try builder.along(3, rank: 4, try builder.range(shapes.total, .i64))
    var places = try builder.along(2, rank: 4, try builder.range(shapes.q[2], .i64))
    if let counts {
      let perBatch = try builder.along(0, rank: 4, try builder.narrowed(counts, to: .i64))
      places = try builder.add(places, try builder.sub(perBatch, try builder.size(shapes.q[2], .i64)))
      masks.append(try builder.emit(Less(), keys, perBatch))
    } else if shapes.past != 0 {
      places = try builder.add(places, try builder.size(shapes.past, .i64))
    }
    if isCausal { masks.append(try builder.emit(LessOrEqual(), keys, places)) }
    func isNear(_ distance: ValueID, _ limit: Int) throws(TypeError) -> ValueID {
      try builder.emit(LessOrEqual(), distance, try builder.scalar(Double(limit), .i64))
    }
    if leftWindow >= 0 { masks.append(try isNear(try builder.sub(places, keys), leftWindow)) }
    if rightWindow >= 0 { masks.append(try isNear(try builder.sub(keys, places), rightWindow)) }
    return masks
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Attention()
    operation.isCausal = random.bool()
    operation.softcap = random.pick([0, 0, 2])
    operation.outputMode = random.int(0...1)
    if random.bool() { operation.scale = 0.5 }
    if random.int(0...2) == 0 {
      (operation.leftWindow, operation.rightWindow) = (random.int(0...2), random.int(-1...1))
    }
    let (batch, groups, repeats) = (random.int(1...2), random.int(1...2), random.int(1...2))
    let (rows, keys, past) = (random.int(1...4), random.int(1...5), random.int(0...2))
    let (depth, width) = (random.int(1...5), random.int(1...4))
    let dtype = random.dtype([.f32, .f64])
    func type(_ heads: Int, _ rows: Int, _ width: Int, flat: Bool) -> TensorType {
      TensorType(dtype, (flat ? [batch, rows, heads * width] : [batch, heads, rows, width]).map { Dim($0) })
    }
    let isFlat = random.bool()
    if isFlat { (operation.queryHeads, operation.keyHeads) = (groups * repeats, groups) }
    var operands: [TensorType?] = [
      type(groups * repeats, rows, depth, flat: isFlat), type(groups, keys, depth, flat: isFlat),
      type(groups, keys, width, flat: isFlat),
    ]
    let form = random.int(0...2)
    let total = keys + (form == 1 ? past : 0)
    let mask = TensorType(random.bool() ? .bool : dtype, [Dim(rows), Dim(form == 2 ? random.int(1...total) : total)])
    operands.append(random.bool() ? mask : nil)
    if form == 1 {
      operands += [type(groups, past, depth, flat: false), type(groups, past, width, flat: false)]
    } else if form == 2 {
      operands += [nil, nil, TensorType(.i64, [Dim(batch)])]
    }
    return Sample(operation, operands, ranges: [6: 1...Double(keys)])
  }
}
