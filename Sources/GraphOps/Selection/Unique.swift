// SPDX-License-Identifier: Apache-2.0
// The different elements, or slices of an axis.

import GraphIR
import KernelIR
import TensorCore

package struct Unique: RuntimeSized {
  package static let name = "Unique"
  package static let summary =
    "The different slices of an axis (without one, elements), where each is first, which each slice is, how many there are."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y"), Slot("indices"), Slot("inverse_indices"), Slot("counts")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis, negative from the end; without it all elements in row-major order"),
      Attribute("sorted", \.sorted, "whether the result is in ascending order, else in the order of first occurrence"),
      Attribute("count", \.count, "the run-time size that the number of different ones is"),
    ]
  }
  package var axis: Int?
  package var sorted = true
  package var count: Dim?
  package init() {}
  package init(axis: Int?, sorted: Bool, count: Dim) {
    self.axis = axis
    self.sorted = sorted
    self.count = count
  }

  package func countBound(_ operands: [TensorType?]) -> Dim? {
    guard let type = operands.first.flatMap({ $0 }) else { return nil }
    guard let axis else { return type.elementCount }
    return (try? normalized(axis, rank: type.rank, for: Self.name)).map { type.shape[$0] }
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Unique' needs an operand") }
    let size = try runtimeCount(count, for: Self.name)
    var shape = [size]
    var slices = type.elementCount
    if let axis {
      let place = try normalized(axis, rank: type.rank, for: Self.name)
      slices = type.shape[place]
      shape = type.shape
      shape[place] = size
    }
    let one = TensorType(.i64, [size])
    return [TensorType(type.dtype, shape), one, TensorType(.i64, [slices]), one]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'Unique' needs an operand") }
    let place = try axis.map { (axis) throws(TypeError) in try normalized(axis, rank: x.shape.count, for: Self.name) }
    let slices: [[Int]]
    if let place {
      slices = (0..<x.shape[place]).map { slice in
        var positions: [Int] = []
        forEachIndex(x.shape) { position, index in if index[place] == slice { positions.append(position) } }
        return positions
      }
    } else {
      slices = (0..<x.count).map { [$0] }
    }
    /// -1, 0 or 1 by the first difference; NaN is larger than everything and equal to itself.
    func compare(_ a: Int, _ b: Int) -> Int {
      for (p, q) in zip(slices[a], slices[b]) {
        if x.dtype.isFloat {
          let (u, v) = (x.reals[p], x.reals[q])
          if u < v || (v.isNaN && !u.isNaN) { return -1 }
          if v < u || (u.isNaN && !v.isNaN) { return 1 }
        } else {
          if isLess(x.integers[p], x.integers[q], x.dtype) { return -1 }
          if isLess(x.integers[q], x.integers[p], x.dtype) { return 1 }
        }
      }
      return 0
    }
    var firsts: [Int] = []
    for slice in slices.indices where !firsts.contains(where: { compare($0, slice) == 0 }) { firsts.append(slice) }
    if sorted { firsts.sort { compare($0, $1) < 0 } }
    let inverse = slices.indices.map { slice in firsts.firstIndex { compare($0, slice) == 0 } ?? 0 }
    var counts = [Int64](repeating: 0, count: firsts.count)
    for group in inverse { counts[group] += 1 }
    var shape = [firsts.count]
    if let place {
      shape = x.shape
      shape[place] = firsts.count
    }
    let strides = x.strides
    let y = x.gathering(shape) { index in
      guard let place else { return firsts[index[0]] }
      return index.indices.reduce(0) { $0 + ($1 == place ? firsts[index[$1]] : index[$1]) * strides[$1] }
    }
    return [
      y, Reference(.i64, [firsts.count], integers: firsts.map(Int64.init)),
      Reference(.i64, [slices.count], integers: inverse.map(Int64.init)),
      Reference(.i64, [firsts.count], integers: counts),
    ]
  }

  /// Sorted, equal slices are neighbours; a slice that differs from the one before starts a group.
  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { (builder, operands) throws(TypeError) in
      guard let x = operands[0] else { throw TypeError("'Unique' needs an operand") }
      let type = builder.type(x)
      let size = try runtimeCount(count, for: Self.name)
      let place = try axis.map { (axis) throws(TypeError) in try normalized(axis, rank: type.rank, for: Self.name) }
      let slices = place.map { type.shape[$0] } ?? type.elementCount
      let keys = place.map { axis in type.shape.indices.filter { $0 != axis }.reduce(Dim(1)) { $0 * type.shape[$1] } } ?? 1
      var rows = x
      if let place, place > 0 {
        rows = try builder.emit(Transpose(perm: [place] + type.shape.indices.filter { $0 != place }), x)
      }
      rows = try builder.emit(Reshape(exactly: [1, slices, keys]), rows)
      let order = try builder.emit(
        Reshape(exactly: [slices]), try builder.emitAny(SortedOrder(descending: false), [rows])[0])
      let isFirst = try firstsOfGroups(try builder.emit(Reshape(exactly: [slices, keys]), rows), order, slices, &builder)
      // The group of each sorted slice, then of each slice.
      let ordinal = try builder.emit(CumSum(axis: 0), try builder.emit(Cast(to: .i64), isFirst))
      let group = try builder.emit(Sub(), ordinal, try builder.scalar(1, .i64))
      let found = try builder.emitAny(TruePositions(), [isFirst])
      let starts = try builder.prefixes([found[0]], of: found[1], size)[0]
      var firsts = try builder.emit(Gather(axis: 0), order, starts)
      var inverse = try builder.emit(
        ScatterElements(axis: 0), try builder.emit(ConstantOfShape([slices], 0, .i64)), order, group)
      if !sorted {
        let byPlace = try builder.emitAny(
          SortedOrder(descending: false), [try builder.emit(Reshape(exactly: [1, size, 1]), firsts)])[0]
        let permutation = try builder.emit(Reshape(exactly: [size]), byPlace)
        firsts = try builder.emit(Gather(axis: 0), firsts, permutation)
        let ranks = try builder.emit(
          ScatterElements(axis: 0), try builder.emit(ConstantOfShape([size], 0, .i64)), permutation,
          try builder.emit(NumberRange(count: size, .i64)))
        inverse = try builder.emit(Gather(axis: 0), ranks, inverse)
      }
      let counts = try builder.emit(
        ScatterAdd(axis: 0, size: size), inverse, try builder.emit(ConstantOfShape([slices], 1, .i64)))
      let source = place == nil ? try builder.emit(Reshape(exactly: [slices]), x) : x
      return [try builder.emit(Gather(axis: place ?? 0), source, firsts), firsts, inverse, counts]
    }
  }

  private func firstsOfGroups(
    _ rows: ValueID, _ order: ValueID, _ slices: Dim, _ builder: inout GraphBuilder
  ) throws(TypeError) -> ValueID {
    let numbers = try builder.emit(NumberRange(count: slices, .i64))
    let before = try builder.emit(
      Max(), try builder.emit(Sub(), numbers, try builder.scalar(1, .i64)), try builder.scalar(0, .i64))
    let here = try builder.emit(Gather(axis: 0), rows, order)
    let there = try builder.emit(Gather(axis: 0), rows, try builder.emit(Gather(axis: 0), order, before))
    var differs = try builder.emit(Not(), try builder.emit(Equal(), here, there))
    if builder.type(rows).dtype.isFloat {
      let bothNaN = try builder.emit(And(), try builder.emit(IsNaN(), here), try builder.emit(IsNaN(), there))
      differs = try builder.emit(And(), differs, try builder.emit(Not(), bothNaN))
    }
    let any = try builder.emit(
      ReduceMax(axes: [1], keepDims: false), try builder.emit(Cast(to: .i32), differs))
    let isFirst = try builder.emit(Equal(), numbers, try builder.scalar(0, .i64))
    return try builder.emit(Or(), isFirst, try builder.emit(Cast(to: .bool), any))
  }

  /// The seed of each different slice goes to where it is first.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let type = context.type(x)
    guard let axis else {
      let flat = try context.emit(ScatterAdd(axis: 0, size: type.elementCount), context.results[1], seed)
      return [try context.emit(Reshape(exactly: type.shape), flat)]
    }
    let place = try normalized(axis, rank: type.rank, for: Self.name)
    return [try context.emit(ScatterAdd(axis: place, size: type.shape[place]), context.results[1], seed)]
  }

  /// Random floats are all different, so that their number is known.
  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1, maxRank: 3)
    let axis = random.bool() ? random.int(-shape.count...shape.count - 1) : nil
    let count = axis.map { shape[$0 < 0 ? $0 + shape.count : $0] } ?? shape.reduce(1, *)
    return Sample(
      Unique(axis: axis, sorted: random.bool(), count: Dim(count)),
      [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })], ranges: [0: -1000...1000])
  }
}
