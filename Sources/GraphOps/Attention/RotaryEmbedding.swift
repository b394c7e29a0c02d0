// SPDX-License-Identifier: Apache-2.0
// Rotary position embedding.

import GraphIR
import TensorCore

/// Without position ids the caches hold one line for each row of each batch entry.
package struct RotaryEmbedding: Operation {
  package static let name = "RotaryEmbedding"
  package static let summary =
    "Pairs of elements of each head turned by an angle of their position: (x·cos - y·sin, x·sin + y·cos)."
  package static let operands = [
    Slot("X"), Slot("cos_cache"), Slot("sin_cache"), Slot("position_ids", .optional),
  ]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("interleaved", \.interleaved, "whether pairs are neighbours (else first and second half)"),
      Attribute("num_heads", \.headCount, "heads of an input [B, rows, heads · width]"),
      Attribute("rotary_embedding_dim", \.rotaryWidth, "leading elements of a head that are turned; 0: all"),
    ]
  }
  package var interleaved = false
  package var headCount = 0
  package var rotaryWidth = 0
  package init() {}
  package init(interleaved: Bool, heads: Int, width: Int) {
    self.interleaved = interleaved
    headCount = heads
    rotaryWidth = width
  }

  /// The sizes of `[B, rows, heads, width]`, and the number of elements of a head that are turned.
  private func shapes(_ x: TensorType) throws(TypeError) -> (rows: [Dim], turned: Dim) {
    guard x.dtype.isFloat, x.rank == 3 || x.rank == 4 else {
      throw TypeError("'RotaryEmbedding' takes floats of rank 3 or 4, found \(x)", operand: 0)
    }
    var rows = [x.shape[0]]
    if x.rank == 4 {
      rows += [x.shape[2], x.shape[1], x.shape[3]]
    } else {
      guard headCount > 0, let width = x.shape[2].dividedExactly(by: Dim(headCount)) else {
        throw TypeError("\(x) of 'RotaryEmbedding' does not divide into \(headCount) heads", operand: 0)
      }
      rows += [x.shape[1], Dim(headCount), width]
    }
    let turned = rotaryWidth == 0 ? rows[3] : Dim(rotaryWidth)
    guard rotaryWidth >= 0, turned.dividedExactly(by: 2) != nil, Dim.isKnown(turned, atMost: rows[3]) else {
      throw TypeError("'RotaryEmbedding' cannot turn \(turned) of \(rows[3]) elements of a head", operand: 0)
    }
    return (rows, turned)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let cosines = operands[1], let sines = operands[2] else {
      throw TypeError("'RotaryEmbedding' needs three operands")
    }
    let (rows, turned) = try shapes(x)
    let half = Dim.floorDiv(turned, 2)
    let positions = optional(operands, 3)
    guard cosines == sines, cosines.dtype.isFloat, cosines.rank == (positions == nil ? 3 : 2),
      cosines.shape[cosines.rank - 1] == half
    else {
      throw TypeError(
        "the caches of 'RotaryEmbedding' are \(cosines) and \(sines), expected lines of \(half)", operand: 1)
    }
    if let positions {
      try checkIndices(positions, operand: 3, for: Self.name)
      guard positions.shape == [rows[0], rows[1]] else {
        throw TypeError("the position ids \(positions) of 'RotaryEmbedding' do not fit \(x)", operand: 3)
      }
    } else if cosines.shape[1] != rows[1] || (cosines.shape[0] != rows[0] && cosines.shape[0] != 1) {
      throw TypeError("the caches \(cosines) of 'RotaryEmbedding' do not fit \(x)", operand: 1)
    }
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let cosines = operands[1], let sines = operands[2] else {
      throw TypeError("'RotaryEmbedding' needs three operands")
    }
    _ = try inferTypes(operands.map { $0?.type })
    let (dims, turnedDim) = try shapes(x.type)
    let (sizes, turned) = (try staticSizes(dims, for: Self.name), try staticSizes([turnedDim], for: Self.name)[0])
    let half = turned / 2
    let positions = optional(operands, 3)
    var result = x
    forEachIndex(Array(sizes.dropLast())) { _, index in
      let (b, row, head) = (index[0], index[1], index[2])
      let base =
        x.shape.count == 4
        ? ((b * sizes[2] + head) * sizes[1] + row) * sizes[3] : ((b * sizes[1] + row) * sizes[2] + head) * sizes[3]
      let line =
        positions.map { clampedIndex($0.integers[b * sizes[1] + row], cosines.shape[0]) }
        ?? (cosines.shape[0] == 1 ? 0 : b) * sizes[1] + row
      for pair in 0..<half {
        let first = base + (interleaved ? 2 * pair : pair)
        let second = base + (interleaved ? 2 * pair + 1 : pair + half)
        let (cosine, sine) = (cosines.reals[line * half + pair], sines.reals[line * half + pair])
        result.reals[first] = x.reals[first] * cosine - x.reals[second] * sine
        result.reals[second] = x.reals[first] * sine + x.reals[second] * cosine
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let (rows, turned) = try? shapes(x) else { return .leaf }
    let half = Dim.floorDiv(turned, 2)
    return .decompose { builder, operands throws(TypeError) in
      guard let input = operands[0] else { throw TypeError("'RotaryEmbedding' needs three operands") }
      var value = try builder.widened(input)
      value = x.rank == 4 ? try builder.transposed(value, [0, 2, 1, 3]) : try builder.reshaped(value, rows)
      func cache(_ index: Int) throws(TypeError) -> ValueID {
        var lines = try builder.widened(operands[index])
        if let positions = optional(operands, 3) { lines = try builder.emit(Gather(axis: 0), lines, positions) }
        let shape = builder.type(lines).shape
        lines = try builder.reshaped(lines, [shape[0], shape[1], 1, shape[2]])
        return try builder.narrowed(lines, to: builder.type(value).dtype)
      }
      let (cosines, sines) = (try cache(1), try cache(2))
      let part = try builder.slice(value, axis: 3, from: 0, to: turned)
      // Pairs along an axis of their own: the last when they are neighbours.
      let outer = Array(rows.prefix(3))
      let pairs = try builder.reshaped(part, outer + (interleaved ? [half, 2] : [2, half]))
      let pairAxis = interleaved ? 4 : 3
      func member(_ number: Int) throws(TypeError) -> ValueID {
        let line = try builder.slice(pairs, axis: pairAxis, from: Dim(number), to: Dim(number + 1))
        return try builder.reshaped(line, outer + [half])
      }
      let (first, second) = (try member(0), try member(1))
      let real = try builder.sub(try builder.mul(first, cosines), try builder.mul(second, sines))
      let imaginary = try builder.add(try builder.mul(first, sines), try builder.mul(second, cosines))
      let shape = outer + (interleaved ? [half, 1] : [1, half])
      let joined = try builder.emit(
        Concat(axis: pairAxis), try builder.reshaped(real, shape), try builder.reshaped(imaginary, shape))
      var result = try builder.reshaped(joined, outer + [turned])
      if turned != rows[3] {
        let rest = try builder.slice(value, axis: 3, from: turned, to: rows[3])
        result = try builder.emit(Concat(axis: 3), result, rest)
      }
      result = x.rank == 4 ? try builder.transposed(result, [0, 2, 1, 3]) : try builder.reshaped(result, x.shape)
      return [try builder.narrowed(result, to: x.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let (batch, rows, heads, half) = (random.int(1...2), random.int(1...4), random.int(1...3), random.int(1...3))
    let width = 2 * half + random.int(0...1) * 2
    let isFlat = random.bool()
    let operation = RotaryEmbedding(
      interleaved: random.bool(), heads: isFlat ? heads : 0, width: width == 2 * half ? 0 : 2 * half)
    let dtype = random.dtype([.f32, .f64])
    let x = isFlat ? [batch, rows, heads * width] : [batch, heads, rows, width]
    let hasPositions = random.bool()
    let cache = TensorType(dtype, (hasPositions ? [9, half] : [batch, rows, half]).map { Dim($0) })
    return Sample(
      operation,
      [
        TensorType(dtype, x.map { Dim($0) }), cache, cache,
        hasPositions ? TensorType(.i64, [Dim(batch), Dim(rows)]) : nil,
      ], ranges: [3: 0...8])
  }
}
