// SPDX-License-Identifier: Apache-2.0
// The largest or smallest elements along an axis.

import GraphIR
import KernelIR
import TensorCore

/// `k` is an attribute: the size of the result depends on it. It may be a run-time size.
package struct TopK: Operation {
  package static let name = "TopK"
  package static let summary = "The k largest (or smallest) elements along an axis in order, and their indices."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Values"), Slot("Indices")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("k", \.k, "how many elements"),
      Attribute("axis", \.axis, "the axis, negative from the end"),
      Attribute("largest", \.largest, "whether the largest are taken; NaN counts as larger than everything"),
      Attribute("sorted", \.sorted, "whether they are in order; they are in any case"),
    ]
  }
  package var k: Dim = 1
  package var axis = -1
  package var largest = true
  package var sorted = true
  package init() {}
  package init(_ k: Dim, axis: Int = -1, largest: Bool = true) {
    self.k = k
    self.axis = axis
    self.largest = largest
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'TopK' needs an operand") }
    let place = try normalized(axis, rank: type.rank, for: Self.name)
    guard !Dim.isKnown(type.shape[place] + 1, atMost: k) else {
      throw TypeError("'TopK' takes \(k) of \(type.shape[place]) elements", operand: 0)
    }
    var shape = type.shape
    shape[place] = k
    return [TensorType(type.dtype, shape), TensorType(.i64, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'TopK' needs an operand") }
    let shape = try staticSizes(inferTypes([x.type])[0].shape, for: Self.name)
    let place = try normalized(axis, rank: shape.count, for: Self.name)
    var values = Reference(zeros: x.dtype, shape)
    var indices = Reference(zeros: .i64, shape)
    func isBefore(_ a: Int, _ b: Int) -> Bool {
      if !x.dtype.isFloat {
        let (p, q) = (x.integers[a], x.integers[b])
        return largest ? isLess(q, p, x.dtype) : isLess(p, q, x.dtype)
      }
      let (p, q) = (x.reals[a], x.reals[b])
      if p.isNaN || q.isNaN { return largest ? p.isNaN && !q.isNaN : q.isNaN && !p.isNaN }
      return largest ? p > q : p < q
    }
    var lines: [(base: Int, step: Int)] = []
    forEachLine(x.shape, along: place) { lines.append(($0, $1)) }
    var targets: [(base: Int, step: Int)] = []
    forEachLine(shape, along: place) { targets.append(($0, $1)) }
    for (line, target) in zip(lines, targets) {
      let order = (0..<x.shape[place]).sorted { a, b in
        let (p, q) = (line.base + a * line.step, line.base + b * line.step)
        return isBefore(p, q) || (!isBefore(q, p) && a < b)
      }
      for rank in 0..<shape[place] {
        let (from, to) = (line.base + order[rank] * line.step, target.base + rank * target.step)
        if x.dtype.isFloat { values.reals[to] = x.reals[from] } else { values.integers[to] = x.integers[from] }
        indices.integers[to] = Int64(order[rank])
      }
    }
    return [values, indices]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { (builder, operands) throws(TypeError) in
      guard let x = operands[0] else { throw TypeError("'TopK' needs an operand") }
      let type = builder.type(x)
      let place = try normalized(axis, rank: type.rank, for: Self.name)
      let last = type.rank - 1
      let permutation = (0..<type.rank).filter { $0 != place } + [place]
      let moved = place == last ? x : try builder.emit(Transpose(perm: permutation), x)
      let movedShape = permutation.map { type.shape[$0] }
      let rows = movedShape[..<last].reduce(Dim(1), *)
      let flat = try builder.emit(Reshape(exactly: [rows, type.shape[place], 1]), moved)
      let order = try builder.emitAny(SortedOrder(descending: largest), [flat])[0]
      let first = try builder.emit(Prefix(axis: 1, k), order)
      var indices = try builder.emit(Reshape(exactly: movedShape[..<last] + [k]), first)
      if place != last {
        var back = Array(0..<last)
        back.insert(last, at: place)
        indices = try builder.emit(Transpose(perm: back), indices)
      }
      // Every axis but the sorted one is as long as before, and the sorted one no longer.
      return [try builder.emit(GatherElements(axis: place), x, indices), indices]
    }
  }

  /// The seed where each element came from.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let type = context.type(x)
    let zeros = try context.filled(0, like: x)
    let place = try normalized(axis, rank: type.rank, for: Self.name)
    return [try context.emit(ScatterElements(axis: place, reduction: .add), zeros, context.results[1], seed)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1, maxRank: 3)
    let axis = random.int(0...shape.count - 1)
    return Sample(
      TopK(Dim(random.int(1...shape[axis])), axis: random.bool() ? axis : axis - shape.count, largest: random.bool()),
      [TensorType(random.dtype([.f32, .f64, .i32, .i64]), shape.map { Dim($0) })])
  }
}
