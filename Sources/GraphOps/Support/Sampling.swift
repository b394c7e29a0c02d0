// SPDX-License-Identifier: Apache-2.0
// Tensors read between their elements: what GridSample and DeformConv share.

import GraphIR
import TensorCore

/// How a tensor is read at coordinates that are no whole numbers, or lie outside.
struct Sampler: Sendable {
  enum Mode: String, CaseIterable, Sendable { case nearest, linear, cubic }
  /// What lies outside: zeros, the nearest element, or the tensor mirrored.
  enum Border: String, CaseIterable, Sendable { case zeros, border, reflection }
  var mode: Mode
  var border: Border
  /// Whether the mirror stands at the centre of the last element (else at its edge).
  var mirrorsCentres = true

  /// The parameter of cubic interpolation.
  private static let cubic = -0.75
  /// How far outside a coordinate still mixes several elements: beside a border cubic interpolation reads on at the
  /// coordinate itself, and each of the four elements that lies outside is the border's.
  private var reach: Double { mode == .cubic ? 2 : 0 }

  // MARK: Graph

  /// Reads data `[B, C, S]` (S: spatial axes of these sizes, merged) at coordinates, for each spatial axis `[B, 1, P]`.
  /// The result is `[B, C, P]`.
  func read(
    _ data: ValueID, sizes: [Dim], at coordinates: [ValueID], _ builder: inout GraphBuilder
  ) throws(TypeError) -> ValueID {
    var taps: [Tap] = []
    for (axis, coordinate) in coordinates.enumerated() {
      let line = try self.taps(coordinate, sizes[axis], &builder)
      if axis == 0 {
        taps = line
        continue
      }
      var combined: [Tap] = []
      let size = try builder.size(sizes[axis], .i64)
      for outer in taps {
        for inner in line {
          combined.append(
            Tap(
              index: try builder.add(try builder.mul(outer.index, size), inner.index),
              weight: try both(outer.weight, inner.weight) { a, b throws(TypeError) in try builder.mul(a, b) },
              isInside: try both(outer.isInside, inner.isInside) { a, b throws(TypeError) in
                try builder.emit(And(), a, b)
              }))
        }
      }
      taps = combined
    }
    let shape = builder.type(data).shape
    var sum: ValueID?
    for tap in taps {
      let type = builder.type(tap.index)
      let index = try builder.expanded(tap.index, to: [shape[0], shape[1], type.shape[2]])
      var value = try builder.emit(GatherElements(axis: 2), data, index)
      if let isInside = tap.isInside { value = try builder.masked(value, where: isInside) }
      if let weight = tap.weight {
        value = try builder.mul(value, try builder.narrowed(weight, to: builder.type(data).dtype))
      }
      sum = try builder.added(value, to: sum)
    }
    guard let sum else { throw TypeError("there are no coordinates to read at") }
    return sum
  }

  /// One element that is read: its index, its weight (nil: 1), and whether it exists (nil: always).
  private struct Tap {
    var index: ValueID
    var weight: ValueID?
    var isInside: ValueID?
  }

  private func both(
    _ a: ValueID?, _ b: ValueID?, _ combine: (ValueID, ValueID) throws(TypeError) -> ValueID
  ) throws(TypeError) -> ValueID? {
    guard let a, let b else { return a ?? b }
    return try combine(a, b)
  }

  /// The elements of one axis that a coordinate mixes.
  private func taps(_ x: ValueID, _ size: Dim, _ builder: inout GraphBuilder) throws(TypeError) -> [Tap] {
    let last = try builder.plus(try builder.size(size, builder.type(x).dtype), -1)
    let x = try builder.emit(Where(), try builder.emit(IsNaN(), x), try builder.scalar(0, like: x), x)
    if mode == .nearest {
      let place = try folded(try builder.emit(Round(), x), last, &builder)
      return [try tap(place, nil, last, &builder)]
    }
    let place = try folded(x, last, &builder)
    let base = try builder.emit(Floor(), place)
    let fraction = try builder.sub(place, base)
    let rest = try builder.minus(1, fraction)
    let weights: [(Int, ValueID)]
    if mode == .linear {
      weights = [(0, rest), (1, fraction)]
    } else {
      weights = [
        (-1, try far(try builder.plus(fraction, 1), &builder)), (0, try near(fraction, &builder)),
        (1, try near(rest, &builder)), (2, try far(try builder.plus(rest, 1), &builder)),
      ]
    }
    var taps: [Tap] = []
    for (offset, weight) in weights {
      let position = try builder.plus(base, Double(offset))
      let onto = border == .reflection ? try folded(position, last, &builder) : position
      taps.append(try tap(onto, weight, last, &builder))
    }
    return taps
  }

  /// (a + 2)·d³ - (a + 3)·d² + 1
  private func near(_ d: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    let a = Self.cubic
    let inner = try builder.plus(try builder.scaled(d, by: a + 2), -(a + 3))
    return try builder.plus(try builder.mul(try builder.mul(inner, d), d), 1)
  }

  /// a·d³ - 5a·d² + 8a·d - 4a
  private func far(_ d: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    let inner = try builder.plus(try builder.mul(try builder.plus(d, -5), d), 8)
    return try builder.scaled(try builder.plus(try builder.mul(inner, d), -4), by: Self.cubic)
  }

  private func tap(
    _ position: ValueID, _ weight: ValueID?, _ last: ValueID, _ builder: inout GraphBuilder
  ) throws(TypeError) -> Tap {
    var isInside: ValueID?
    if border == .zeros {
      let zero = try builder.scalar(0, like: position)
      isInside = try builder.emit(
        And(), try builder.emit(GreaterOrEqual(), position, zero), try builder.emit(LessOrEqual(), position, last))
    }
    // Indices from the end would be negative ones; those after it are clamped by the pick.
    let onAxis = try builder.emit(Min(), try builder.emit(Clip(min: 0, max: nil), position), last)
    return Tap(index: try builder.emit(Cast(to: .i64), onAxis), weight: weight, isInside: isInside)
  }

  /// A coordinate brought onto the axis as the border says; with zeros it stays.
  private func folded(_ x: ValueID, _ last: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    switch border {
    case .zeros: return x
    case .border:
      return try builder.emit(
        Min(), try builder.emit(Clip(min: -reach, max: nil), x), try builder.plus(last, reach))
    case .reflection:
      let low = mirrorsCentres ? 0 : -0.5
      // The distance of the mirrors; one element between mirrors at its centre has none, and any distance will do.
      let width = try builder.emit(Max(), try builder.plus(last, -2 * low), try builder.scalar(0.5, like: x))
      let period = try builder.scaled(width, by: 2)
      let distance = try builder.emit(Abs(), try builder.plus(x, -low))
      var remainder = Mod()
      remainder.fmod = true
      let phase = try builder.emit(remainder, distance, period)
      return try builder.plus(try builder.emit(Min(), phase, try builder.sub(period, phase)), low)
    }
  }

  // MARK: Reference

  /// The value at coordinates of a row-major tensor of these sizes: the definition.
  func reference(_ coordinates: [Double], _ sizes: [Int], _ element: (_ position: Int) -> Double) -> Double {
    func line(_ axis: Int, _ position: Int) -> Double {
      if axis == sizes.count { return element(position) }
      let size = sizes[axis]
      var x = coordinates[axis]
      if x.isNaN { x = 0 }
      if mode == .nearest { x = x.rounded(.toNearestOrEven) }
      x = mirrored(min(max(x, -1e9), 1e9), size)
      let base = x.rounded(.down)
      let f = x - base
      let a = Self.cubic
      func cubic(_ d: Double) -> Double {
        d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1 : a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a
      }
      let taps: [(Int, Double)] =
        switch mode {
        case .nearest: [(0, 1)]
        case .linear: [(0, 1 - f), (1, f)]
        case .cubic: [(-1, cubic(1 + f)), (0, cubic(f)), (1, cubic(1 - f)), (2, cubic(2 - f))]
        }
      return taps.reduce(0) { sum, tap in
        let place = Int(mirrored(base + Double(tap.0), size))
        if border == .zeros && (place < 0 || place >= size) { return sum }
        return sum + tap.1 * line(axis + 1, position * size + min(max(place, 0), size - 1))
      }
    }
    return line(0, 0)
  }

  private func mirrored(_ x: Double, _ size: Int) -> Double {
    let (low, high) = mirrorsCentres ? (0, Double(size) - 1) : (-0.5, Double(size) - 0.5)
    switch border {
    case .zeros: return x
    case .border: return min(max(x, -reach), Double(size) - 1 + reach)
    case .reflection:
      if low == high { return 0 }
      var y = x
      // Mirrors of mirrors are a period apart.
      let period = 2 * (high - low)
      y -= ((y - low) / period).rounded(.down) * period
      return y > high ? 2 * high - y : y
    }
  }
}
