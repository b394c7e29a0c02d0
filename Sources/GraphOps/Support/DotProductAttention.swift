// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention over heads: what every attention operator is made of.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// `softmax(cap(scale · q · kᵀ) + bias) · v` for q `[B, H, L, E]`, k `[B, G, S, E]` and v `[B, G, S, V]`, where each of
/// the G heads of k and v serves H / G neighbours of q. A row that may look at nothing is 0.
struct DotProductAttention: Sendable {
  /// What products are multiplied by; nil: 1 / √E.
  var scale: Double?
  /// `softcap · tanh(x / softcap)` before the bias; 0: none.
  var softcap = 0.0
  /// The type of the softmax; nil: that of the products.
  var precision: DType?

  /// Everything that attention computes, `[B, H, L, …]`.
  struct Parts {
    var output: ValueID
    /// scale · q · kᵀ
    var products: ValueID
    /// The products after the cap.
    var capped: ValueID
    /// After bias and masks.
    var biased: ValueID
    var probabilities: ValueID
  }

  /// - Parameters:
  ///   - allowed: bools that broadcast to `[B, H, L, S]`; what one of them forbids is not looked at.
  ///   - biases: numbers that broadcast to it.
  func emit(
    _ q: ValueID, _ k: ValueID, _ v: ValueID, allowed: [ValueID], biases: [ValueID], _ builder: inout GraphBuilder
  ) throws(TypeError) -> Parts {
    let (qShape, kShape, vShape) = (builder.type(q).shape, builder.type(k).shape, builder.type(v).shape)
    let scaled = try scaled(try builder.widened(q), &builder)
    let keys = try builder.transposed(try builder.widened(k), [0, 1, 3, 2])
    var values = try builder.widened(v)
    let scoreShape = [qShape[0], qShape[1], qShape[2], kShape[2]]
    let isGrouped = qShape[1] != kShape[1]
    let group = Dim.floorDiv(qShape[1], kShape[1])
    var products: ValueID
    if isGrouped {
      let split = try builder.reshaped(scaled, [qShape[0], kShape[1], group, qShape[2], qShape[3]])
      let wide = try builder.reshaped(keys, [kShape[0], kShape[1], 1, kShape[3], kShape[2]])
      products = try builder.reshaped(try builder.emit(MatMul(), split, wide), scoreShape)
    } else {
      products = try builder.emit(MatMul(), scaled, keys)
    }
    var capped = products
    if softcap > 0 {
      let bent = try builder.emit(Tanh(), try builder.scaled(products, by: 1 / softcap))
      capped = try builder.scaled(bent, by: softcap)
    }
    var biased = capped
    for bias in biases {
      biased = try builder.add(biased, try builder.narrowed(bias, to: builder.type(biased).dtype))
    }
    if let mask = try conjunction(allowed, &builder) {
      biased = try builder.masked(biased, where: mask, else: -.infinity)
    }
    var scores = biased
    if let precision { scores = try builder.narrowed(scores, to: precision.computeType) }
    let probabilities = try softmax(scores, &builder)
    values = try builder.narrowed(values, to: builder.type(probabilities).dtype)
    let outShape = [qShape[0], qShape[1], qShape[2], vShape[3]]
    let output: ValueID
    if isGrouped {
      let split = try builder.reshaped(probabilities, [qShape[0], kShape[1], group, qShape[2], kShape[2]])
      let wide = try builder.reshaped(values, [vShape[0], vShape[1], 1, vShape[2], vShape[3]])
      output = try builder.reshaped(try builder.emit(MatMul(), split, wide), outShape)
    } else {
      output = try builder.emit(MatMul(), probabilities, values)
    }
    return Parts(
      output: output, products: products, capped: capped, biased: biased, probabilities: probabilities)
  }

  /// A query times the scale.
  func scaled(_ q: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    let width = Dim.max(builder.type(q).shape[3], 1)
    if let factor = scale ?? width.value.map({ 1 / Double($0).squareRoot() }) { return try builder.scaled(q, by: factor) }
    return try builder.div(q, try builder.emit(Sqrt(), try builder.size(width, builder.type(q).dtype)))
  }

  private func conjunction(_ masks: [ValueID], _ builder: inout GraphBuilder) throws(TypeError) -> ValueID? {
    var all: ValueID?
    for mask in masks {
      if let known = all { all = try builder.emit(And(), known, mask) } else { all = mask }
    }
    return all
  }

  /// Softmax along the last axis; a line of -∞ becomes zeros.
  private func softmax(_ x: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    let largest = try builder.emit(ReduceMax(axes: [3]), x)
    let isEmpty = try builder.emit(Equal(), largest, try builder.scalar(-.infinity, like: largest))
    let shift = try builder.emit(Where(), isEmpty, try builder.scalar(0, like: largest), largest)
    let powers = try builder.emit(Exp(), try builder.sub(x, shift))
    let sum = try builder.emit(ReduceSum(axes: [3]), powers)
    let divisor = try builder.emit(Where(), isEmpty, try builder.scalar(1, like: sum), sum)
    return try builder.div(powers, divisor)
  }

  // MARK: Reference

  /// What attention computes for the reference.
  struct Values {
    var output, products, capped, biased, probabilities: Reference
  }

  /// The definition. `bias` gives what is added to the score of batch, head, query and key; nil where a key is not to
  /// be looked at.
  func reference(
    _ q: Reference, _ k: Reference, _ v: Reference, bias: (_ b: Int, _ h: Int, _ i: Int, _ j: Int) -> Double?
  ) -> Values {
    let (batch, heads, rows, depth) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3])
    let (groups, keys, width) = (k.shape[1], k.shape[2], v.shape[3])
    let factor = scale ?? 1 / Double(Swift.max(depth, 1)).squareRoot()
    let square = [batch, heads, rows, keys]
    let blank = Reference(zeros: q.dtype, square)
    var values = Values(
      output: Reference(zeros: q.dtype, [batch, heads, rows, width]), products: blank, capped: blank, biased: blank,
      probabilities: blank)
    for b in 0..<batch {
      for h in 0..<heads {
        let kv = b * groups + h / (heads / groups)
        for i in 0..<rows {
          let row = (b * heads + h) * rows + i
          for j in 0..<keys {
            var dot = 0.0
            for e in 0..<depth { dot += q.reals[row * depth + e] * k.reals[(kv * keys + j) * depth + e] }
            dot *= factor
            values.products.reals[row * keys + j] = dot
            if softcap > 0 { dot = softcap * tanh(dot / softcap) }
            values.capped.reals[row * keys + j] = dot
            values.biased.reals[row * keys + j] = bias(b, h, i, j).map { dot + $0 } ?? -.infinity
          }
          let line = values.biased.reals[row * keys..<(row + 1) * keys]
          let largest = line.reduce(-.infinity, maximum)
          if largest == -.infinity { continue }
          let sum = line.reduce(0) { $0 + exp($1 - largest) }
          for j in 0..<keys {
            let probability = exp(values.biased.reals[row * keys + j] - largest) / sum
            values.probabilities.reals[row * keys + j] = probability
            for e in 0..<width {
              values.output.reals[row * width + e] += probability * v.reals[(kv * keys + j) * width + e]
            }
          }
        }
      }
    }
    return values
  }
}

/// Rows of heads `[B, L, H · E]` and heads of rows `[B, H, L, E]`.
struct HeadLayout {
  /// `[B, L, H · E]` as `[B, H, L, E]`.
  static func split(_ x: ValueID, heads: Int, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    let shape = builder.type(x).shape
    let width = Dim.floorDiv(shape[2], Dim(heads))
    return try builder.transposed(try builder.reshaped(x, [shape[0], shape[1], Dim(heads), width]), [0, 2, 1, 3])
  }

  /// `[B, H, L, E]` as `[B, L, H · E]`.
  static func merge(_ x: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    let shape = builder.type(x).shape
    return try builder.reshaped(
      try builder.transposed(x, [0, 2, 1, 3]), [shape[0], shape[2], shape[1] * shape[3]])
  }

  static func split(_ x: Reference, heads: Int) -> Reference {
    var rows = x
    rows.shape = [x.shape[0], x.shape[1], heads, x.shape[2] / heads]
    return rows.permuted([0, 2, 1, 3])
  }

  static func merge(_ x: Reference) -> Reference {
    var rows = x.permuted([0, 2, 1, 3])
    rows.shape = [x.shape[0], x.shape[2], x.shape[1] * x.shape[3]]
    return rows
  }
}

extension Reference {
  /// Two tensors one after the other along an axis.
  func joined(_ other: Reference, axis: Int) throws(TypeError) -> Reference {
    try Concat(axis: axis).evaluate([self, other])[0]
  }

  /// The element at an index of a shape that this tensor broadcasts to.
  func broadcastPosition(_ index: [Int]) -> Int {
    let (shift, strides) = (index.count - shape.count, strides)
    return shape.indices.reduce(0) { $0 + (shape[$1] == 1 ? 0 : index[$1 + shift] * strides[$1]) }
  }
}
