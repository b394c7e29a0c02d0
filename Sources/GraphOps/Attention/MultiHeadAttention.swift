// SPDX-License-Identifier: Apache-2.0
// Attention of com.microsoft over projected queries, keys and values.

import GraphIR
import KernelIR
import TensorCore

/// A masked score is moved by `mask_filter_value`, it is not left out.
package struct MultiHeadAttention: Operation {
  package static let name = "MultiHeadAttention"
  package static let summary =
    "Attention of com.microsoft over query, key and value [B, rows, heads · width], or packed in one or two tensors."
  package static let operands = [
    Slot("query"), Slot("key", .optional), Slot("value", .optional), Slot("bias", .optional),
    Slot("key_padding_mask", .optional), Slot("attention_bias", .optional), Slot("past_key", .optional),
    Slot("past_value", .optional),
  ]
  package static let results = [Slot("output"), Slot("present_key"), Slot("present_value"), Slot("qk")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("num_heads", \.headCount, "the number of heads"),
      Attribute("unidirectional", \.isCausal, "whether a query looks at no key after it"),
      Attribute("scale", \.scale, "what products are multiplied by; 0: 1 / √width"),
      Attribute("mask_filter_value", \.filterValue, "added to the scores of masked keys"),
    ]
  }
  package var headCount = 1
  package var isCausal = false
  package var scale = 0.0
  package var filterValue = -10000.0
  package init() {}

  /// How queries, keys and values are given.
  private enum Form {
    /// Three tensors of rows.
    case rows
    /// Keys and values are `[B, heads, rows, width]` already.
    case heads
    /// Keys and values share a tensor `[B, rows, heads, 2, width]`.
    case packedKeys
    /// Everything is in the query `[B, rows, heads, 3, width]`.
    case packed
  }

  private struct Shapes {
    var form: Form
    /// `[B, heads, rows, width]`
    var q, k, v: [Dim]
    var past: Dim
    var total: Dim { k[2] + past }
  }

  private func shapes(_ operands: [TensorType?]) throws(TypeError) -> Shapes {
    guard let q = operands[0], q.dtype.isFloat, headCount > 0 else {
      throw TypeError("'MultiHeadAttention' needs a query of floats and heads")
    }
    let heads = Dim(headCount)
    let (key, value) = (optional(operands, 1), optional(operands, 2))
    let wrong = TypeError("'MultiHeadAttention' does not take \(q), \(key?.description ?? "no key")", operand: 0)
    func split(_ type: TensorType) throws(TypeError) -> [Dim] {
      guard type.rank == 3, type.dtype == q.dtype, let width = type.shape[2].dividedExactly(by: heads) else {
        throw wrong
      }
      return [type.shape[0], heads, type.shape[1], width]
    }
    func unpacked(_ type: TensorType, _ count: Dim) throws(TypeError) -> [Dim] {
      guard type.rank == 5, type.dtype == q.dtype, type.shape[2] == heads, type.shape[3] == count else { throw wrong }
      return [type.shape[0], heads, type.shape[1], type.shape[4]]
    }
    var shapes: Shapes
    switch (key, value) {
    case (nil, _):
      let all = try unpacked(q, 3)
      shapes = Shapes(form: .packed, q: all, k: all, v: all, past: 0)
    case (let key?, nil):
      let both = try unpacked(key, 2)
      shapes = Shapes(form: .packedKeys, q: try split(q), k: both, v: both, past: 0)
    case (let key?, let value?):
      if key.rank == 4 {
        guard value.rank == 4, key.dtype == q.dtype, value.dtype == q.dtype else { throw wrong }
        shapes = Shapes(form: .heads, q: try split(q), k: key.shape, v: value.shape, past: 0)
      } else {
        shapes = Shapes(form: .rows, q: try split(q), k: try split(key), v: try split(value), past: 0)
      }
    }
    guard shapes.q[0] == shapes.k[0], shapes.k[1] == heads, shapes.q[3] == shapes.k[3],
      shapes.k.prefix(3) == shapes.v.prefix(3)
    else { throw wrong }
    if let pastKey = optional(operands, 6), let pastValue = optional(operands, 7) {
      guard pastKey.rank == 4, pastValue.rank == 4, pastKey.dtype == q.dtype, pastValue.dtype == q.dtype else {
        throw wrong
      }
      shapes.past = pastKey.shape[2]
      guard pastKey.shape == [shapes.k[0], heads, shapes.past, shapes.k[3]],
        pastValue.shape == [shapes.v[0], heads, shapes.past, shapes.v[3]]
      else { throw TypeError("the past \(pastKey) of 'MultiHeadAttention' does not fit", operand: 6) }
    } else if optional(operands, 6) != nil || optional(operands, 7) != nil {
      throw TypeError("'MultiHeadAttention' needs both past keys and past values, or neither", operand: 6)
    }
    try checkExtras(operands, q, shapes)
    return shapes
  }

  private func checkExtras(_ operands: [TensorType?], _ q: TensorType, _ shapes: Shapes) throws(TypeError) {
    let heads = Dim(headCount)
    if let bias = optional(operands, 3) {
      let width = heads * (shapes.q[3] * 2 + shapes.v[3])
      guard bias == TensorType(q.dtype, [width]) else {
        throw TypeError("the bias of 'MultiHeadAttention' is \(bias), expected [\(width)]", operand: 3)
      }
    }
    if let mask = optional(operands, 4) {
      let batch = shapes.q[0]
      guard mask.dtype == .i32,
        [[batch], [batch, shapes.total], [batch, shapes.q[2], shapes.total]].contains(mask.shape)
      else { throw TypeError("the mask of 'MultiHeadAttention' is \(mask), which is not supported", operand: 4) }
    }
    if let bias = optional(operands, 5) {
      let scores = [shapes.q[0], heads, shapes.q[2], shapes.total]
      try checkBias(bias, scores: scores, q.dtype, operand: 5, for: Self.name)
    }
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let shapes = try shapes(operands)
    let dtype = operands[0]?.dtype ?? .f32
    let heads = Dim(headCount)
    return [
      TensorType(dtype, [shapes.q[0], shapes.q[2], heads * shapes.v[3]]),
      TensorType(dtype, [shapes.k[0], heads, shapes.total, shapes.k[3]]),
      TensorType(dtype, [shapes.v[0], heads, shapes.total, shapes.v[3]]),
      TensorType(dtype, [shapes.q[0], heads, shapes.q[2], shapes.total]),
    ]
  }

  private func scoreBias(_ shapes: Shapes) -> ScoreBias {
    ScoreBias(
      batch: shapes.q[0], rows: shapes.q[2], past: shapes.past, total: shapes.total, isCausal: isCausal,
      filterValue: filterValue)
  }

  private var core: DotProductAttention { DotProductAttention(scale: scale == 0 ? nil : scale) }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let query = operands[0] else { throw TypeError("'MultiHeadAttention' needs a query") }
    let shapes = try shapes(operands.map { $0?.type })
    /// One of several tensors packed along axis 3, over heads.
    func part(_ x: Reference, _ number: Int) -> Reference {
      let strides = x.strides
      return x.gathering([x.shape[0], x.shape[2], x.shape[1], x.shape[4]]) { index in
        index[0] * strides[0] + index[2] * strides[1] + index[1] * strides[2] + number * strides[3] + index[3]
      }
    }
    var (q, k, v): (Reference, Reference, Reference)
    switch (shapes.form, optional(operands, 1), optional(operands, 2)) {
    case (.packed, _, _): (q, k, v) = (part(query, 0), part(query, 1), part(query, 2))
    case (.packedKeys, let key?, _):
      (q, k, v) = (HeadLayout.split(query, heads: headCount), part(key, 0), part(key, 1))
    case (.heads, let key?, let value?): (q, k, v) = (HeadLayout.split(query, heads: headCount), key, value)
    case (_, let key?, let value?):
      (q, k, v) = (
        HeadLayout.split(query, heads: headCount), HeadLayout.split(key, heads: headCount),
        HeadLayout.split(value, heads: headCount)
      )
    default: throw TypeError("'MultiHeadAttention' needs keys and values")
    }
    if let bias = optional(operands, 3) {
      func add(_ x: inout Reference, from start: Int) {
        let (rows, width) = (x.shape[2], x.shape[3])
        for position in x.reals.indices {
          x.reals[position] += bias.reals[start + position / (rows * width) % headCount * width + position % width]
        }
      }
      let width = headCount * q.shape[3]
      add(&q, from: 0)
      if shapes.form != .heads {
        add(&k, from: width)
        add(&v, from: 2 * width)
      }
    }
    if let pastKey = optional(operands, 6), let pastValue = optional(operands, 7) {
      k = try pastKey.joined(k, axis: 2)
      v = try pastValue.joined(v, axis: 2)
    }
    let moved = scoreBias(shapes).reference(mask: optional(operands, 4), bias: optional(operands, 5))
    let values = core.reference(q, k, v, bias: moved)
    return [HeadLayout.merge(values.output), k, v, values.biased]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let shapes = try? shapes(types.operands), let query = types.operands[0] else { return .leaf }
    let heads = Dim(headCount)
    return .decompose { builder, operands throws(TypeError) in
      func given(_ index: Int) throws(TypeError) -> ValueID {
        guard let value = optional(operands, index) else {
          throw TypeError("'MultiHeadAttention' needs keys and values")
        }
        return value
      }
      func part(_ x: ValueID, _ number: Int) throws(TypeError) -> ValueID {
        let shape = builder.type(x).shape
        let slice = try builder.slice(x, axis: 3, from: Dim(number), to: Dim(number + 1))
        return try builder.transposed(
          try builder.reshaped(slice, [shape[0], shape[1], shape[2], shape[4]]), [0, 2, 1, 3])
      }
      func split(_ index: Int) throws(TypeError) -> ValueID {
        try HeadLayout.split(try given(index), heads: headCount, &builder)
      }
      var parts: [ValueID]
      switch shapes.form {
      case .packed: parts = [try part(try given(0), 0), try part(try given(0), 1), try part(try given(0), 2)]
      case .packedKeys: parts = [try split(0), try part(try given(1), 0), try part(try given(1), 1)]
      case .heads: parts = [try split(0), try given(1), try given(2)]
      case .rows: parts = [try split(0), try split(1), try split(2)]
      }
      if let bias = optional(operands, 3) {
        var start: Dim = 0
        for (number, shape) in [shapes.q, shapes.k, shapes.v].enumerated() {
          let line = try builder.slice(bias, axis: 0, from: start, to: start + heads * shape[3])
          start = start + heads * shape[3]
          if number > 0 && shapes.form == .heads { continue }
          parts[number] = try builder.add(parts[number], try builder.reshaped(line, [1, heads, 1, shape[3]]))
        }
      }
      if let pastKey = optional(operands, 6), let pastValue = optional(operands, 7) {
        parts[1] = try builder.emit(Concat(axis: 2), pastKey, parts[1])
        parts[2] = try builder.emit(Concat(axis: 2), pastValue, parts[2])
      }
      let biases = try scoreBias(shapes).emit(
        mask: optional(operands, 4), bias: optional(operands, 5), query.dtype.computeType, &builder)
      let all = try core.emit(parts[0], parts[1], parts[2], allowed: [], biases: biases, &builder)
      let output = try builder.narrowed(try HeadLayout.merge(all.output, &builder), to: query.dtype)
      return [output, parts[1], parts[2], try builder.narrowed(all.biased, to: query.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = MultiHeadAttention()
    operation.headCount = random.int(1...2)
    operation.isCausal = random.bool()
    operation.filterValue = -50
    let heads = operation.headCount
    let (batch, rows, keys, width, past) = (
      random.int(1...2), random.int(1...3), random.int(1...4), random.int(1...3), random.int(1...2)
    )
    let dtype = random.dtype([.f32, .f64])
    func type(_ shape: [Int]) -> TensorType { TensorType(dtype, shape.map { Dim($0) }) }
    let flat = type([batch, rows, heads * width])
    var operands: [TensorType?]
    let form = random.int(0...3)
    let count = form == 0 ? rows : keys
    switch form {
    case 0: operands = [type([batch, rows, heads, 3, width]), nil, nil]
    case 1: operands = [flat, type([batch, keys, heads, 2, width]), nil]
    case 2: operands = [flat, type([batch, heads, keys, width]), type([batch, heads, keys, width])]
    default: operands = [flat, type([batch, keys, heads * width]), type([batch, keys, heads * width])]
    }
    let hasPast = random.bool()
    let total = count + (hasPast ? past : 0)
    operands.append(random.bool() ? type([3 * heads * width]) : nil)
    let masks: [[Int]?] = [nil, [batch, total], [batch, rows, total]]
    operands.append(random.pick(masks).map { TensorType(.i32, $0.map { Dim($0) }) })
    operands.append(random.bool() ? type([1, heads, rows, total]) : nil)
    if hasPast { operands += [type([batch, heads, past, width]), type([batch, heads, past, width])] }
    return Sample(operation, operands, ranges: [4: 0...2])
  }
}
