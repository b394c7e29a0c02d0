// SPDX-License-Identifier: Apache-2.0
// The attention of com.microsoft: projections, heads and masks in one operator.

import GraphIR
import KernelIR
import TensorCore

/// A masked score is moved by `mask_filter_value`, it is not left out: a row of masked keys is a mean of all.
package struct MicrosoftAttention: Operation {
  package static let name = "MicrosoftAttention"
  package static let summary = "Attention of com.microsoft: input · weights + bias gives Q, K and V of all heads."
  package static let operands = [
    Slot("input"), Slot("weights"), Slot("bias", .optional), Slot("mask_index", .optional), Slot("past", .optional),
    Slot("attention_bias", .optional),
  ]
  package static let results = [Slot("output"), Slot("present")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("num_heads", \.headCount, "the number of heads"),
      Attribute("unidirectional", \.isCausal, "whether a query looks at no key after it"),
      Attribute("scale", \.scale, "what products are multiplied by; 0: 1 / √width"),
      Attribute("mask_filter_value", \.filterValue, "added to the scores of masked keys"),
      Attribute("qkv_hidden_sizes", \.hiddenSizes, "columns of Q, K and V; empty: equal parts"),
      Attribute("do_rotary", \.isRotary, "must be false"),
    ]
  }
  package var headCount = 1
  package var isCausal = false
  package var scale = 0.0
  package var filterValue = -10000.0
  package var hiddenSizes: [Int] = []
  package var isRotary = false
  package init() {}

  private struct Shapes {
    /// Columns of Q, K and V.
    var widths: [Int]
    var past: Dim
    var rows: Dim
    var total: Dim { rows + past }
  }

  private func shapes(_ operands: [TensorType?]) throws(TypeError) -> Shapes {
    guard let x = operands[0], let w = operands[1] else { throw TypeError("'MicrosoftAttention' needs two operands") }
    guard !isRotary else { throw TypeError("'MicrosoftAttention' does not take 'do_rotary'") }
    guard x.rank == 3, w.rank == 2, x.dtype.isFloat, w.dtype == x.dtype, w.shape[0] == x.shape[2],
      let columns = w.shape[1].value
    else { throw TypeError("'MicrosoftAttention' takes [B, rows, width] and weights, found \(x) and \(w)", operand: 1) }
    let widths = hiddenSizes.isEmpty ? [Int](repeating: columns / 3, count: 3) : hiddenSizes
    guard headCount > 0, widths.count == 3, widths.allSatisfy({ $0 > 0 && $0 <= columns && $0 % headCount == 0 }),
      widths.reduce(0, +) == columns, widths[0] == widths[1]
    else {
      throw TypeError("\(columns) columns of 'MicrosoftAttention' do not divide into \(headCount) heads", operand: 1)
    }
    if let bias = optional(operands, 2), bias != TensorType(x.dtype, [Dim(columns)]) {
      throw TypeError("the bias of 'MicrosoftAttention' is \(bias), expected [\(columns)]", operand: 2)
    }
    var shapes = Shapes(widths: widths, past: 0, rows: x.shape[1])
    if let past = optional(operands, 4) {
      guard past.rank == 5, past.dtype == x.dtype, widths[2] == widths[0] else {
        throw TypeError("the past of 'MicrosoftAttention' is \(past)", operand: 4)
      }
      shapes.past = past.shape[3]
      guard past.shape == [2, x.shape[0], Dim(headCount), shapes.past, Dim(widths[0] / headCount)] else {
        throw TypeError("the past \(past) of 'MicrosoftAttention' does not fit \(x)", operand: 4)
      }
    }
    if let mask = optional(operands, 3) {
      let batch = x.shape[0]
      let known = [[batch], [batch * 2], [batch, shapes.total], [batch, shapes.rows, shapes.total]]
      guard mask.dtype == .i32, known.contains(mask.shape) else {
        throw TypeError("the mask of 'MicrosoftAttention' is \(mask), which is not supported", operand: 3)
      }
    }
    if let bias = optional(operands, 5) {
      let scores = [x.shape[0], Dim(headCount), shapes.rows, shapes.total]
      try checkBias(bias, scores: scores, x.dtype, operand: 5, for: Self.name)
    }
    return shapes
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let shapes = try shapes(operands)
    guard let x = operands[0] else { throw TypeError("'MicrosoftAttention' needs two operands") }
    let heads = Dim(headCount)
    // Keys and values of one width fit one tensor; others have no present.
    let width = shapes.widths[0] == shapes.widths[2] ? shapes.widths[0] / headCount : 0
    return [
      TensorType(x.dtype, [x.shape[0], x.shape[1], Dim(shapes.widths[2])]),
      TensorType(x.dtype, [2, x.shape[0], heads, shapes.total, Dim(width)]),
    ]
  }

  private func scoreBias(_ x: TensorType, _ shapes: Shapes) -> ScoreBias {
    ScoreBias(
      batch: x.shape[0], rows: shapes.rows, past: shapes.past, total: shapes.total, isCausal: isCausal,
      filterValue: filterValue)
  }

  private var core: DotProductAttention { DotProductAttention(scale: scale == 0 ? nil : scale) }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let w = operands[1] else { throw TypeError("'MicrosoftAttention' needs two operands") }
    let types = try inferTypes(operands.map { $0?.type })
    let shapes = try shapes(operands.map { $0?.type })
    let offsets = optional(operands, 2)
    let (batch, rows, depth) = (x.shape[0], x.shape[1], x.shape[2])
    let columns = w.shape[1]
    /// Q, K or V over heads.
    func projection(_ number: Int) -> Reference {
      let start = shapes.widths[..<number].reduce(0, +)
      let width = shapes.widths[number]
      var result = Reference(zeros: x.dtype, [batch, rows, width])
      for position in result.reals.indices {
        let (row, column) = (position / width, start + position % width)
        result.reals[position] = (0..<depth).reduce(offsets?.reals[column] ?? 0) {
          $0 + x.reals[row * depth + $1] * w.reals[$1 * columns + column]
        }
      }
      return HeadLayout.split(result, heads: headCount)
    }
    var (k, v) = (projection(1), projection(2))
    if let cache = optional(operands, 4) {
      let half = cache.count / 2
      let shape = Array(cache.shape.dropFirst())
      k = try Reference(x.dtype, shape, reals: Array(cache.reals[..<half])).joined(k, axis: 2)
      v = try Reference(x.dtype, shape, reals: Array(cache.reals[half...])).joined(v, axis: 2)
    }
    let bias = scoreBias(x.type, shapes).reference(mask: optional(operands, 3), bias: optional(operands, 5))
    let values = core.reference(projection(0), k, v, bias: bias)
    let present = types[1].shape[4] == 0 ? [] : k.reals + v.reals
    return [
      HeadLayout.merge(values.output),
      Reference(x.dtype, try staticSizes(types[1].shape, for: Self.name), reals: present),
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let shapes = try? shapes(types.operands) else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      let input = try builder.widened(operands[0])
      var product = try builder.emit(MatMul(), input, try builder.widened(operands[1]))
      if let bias = optional(operands, 2) { product = try builder.add(product, try builder.widened(bias)) }
      func projection(_ number: Int) throws(TypeError) -> ValueID {
        let start = Dim(shapes.widths[..<number].reduce(0, +))
        let part = try builder.slice(product, axis: 2, from: start, to: start + Dim(shapes.widths[number]))
        return try HeadLayout.split(part, heads: headCount, &builder)
      }
      var (k, v) = (try projection(1), try projection(2))
      if let cache = optional(operands, 4) {
        let shape = Array(builder.type(cache).shape.dropFirst())
        func half(_ number: Int) throws(TypeError) -> ValueID {
          let part = try builder.slice(try builder.widened(cache), axis: 0, from: Dim(number), to: Dim(number + 1))
          return try builder.reshaped(part, shape)
        }
        k = try builder.emit(Concat(axis: 2), try half(0), k)
        v = try builder.emit(Concat(axis: 2), try half(1), v)
      }
      let biases = try scoreBias(x, shapes).emit(
        mask: optional(operands, 3), bias: optional(operands, 5), x.dtype.computeType, &builder)
      let parts = try core.emit(try projection(0), k, v, allowed: [], biases: biases, &builder)
      let output = try builder.narrowed(try HeadLayout.merge(parts.output, &builder), to: x.dtype)
      let present = types.results[1]
      if present.shape[4] == 0 { return [output, try builder.emit(ConstantOfShape(present.shape, 0, x.dtype))] }
      let one = [1] + present.shape.dropFirst()
      let both = try builder.emit(Concat(axis: 0), try builder.reshaped(k, one), try builder.reshaped(v, one))
      return [output, try builder.narrowed(both, to: x.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = MicrosoftAttention()
    operation.headCount = random.int(1...2)
    operation.isCausal = random.bool()
    operation.filterValue = -50
    let (batch, rows, depth, width, past) = (
      random.int(2...3), random.int(1...3), random.int(1...4), random.int(1...3), random.int(1...2)
    )
    let columns = 3 * width * operation.headCount
    let dtype = random.dtype([.f32, .f64])
    let hasPast = random.bool()
    let total = rows + (hasPast ? past : 0)
    let masks: [[Int]?] = [nil, [batch], [2 * batch], [batch, total], [batch, rows, total]]
    return Sample(
      operation,
      [
        TensorType(dtype, [batch, rows, depth].map { Dim($0) }), TensorType(dtype, [Dim(depth), Dim(columns)]),
        random.bool() ? TensorType(dtype, [Dim(columns)]) : nil,
        random.pick(masks).map { TensorType(.i32, $0.map { Dim($0) }) },
        hasPast ? TensorType(dtype, [2, batch, operation.headCount, past, width].map { Dim($0) }) : nil,
        random.bool() ? TensorType(dtype, [1, operation.headCount, rows, total].map { Dim($0) }) : nil,
      ], ranges: [3: 0...2])
  }
}
