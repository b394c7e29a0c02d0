// SPDX-License-Identifier: Apache-2.0
// Resizing as picks along an axis times weights. Coordinates and weights are vectors over the output axis; where sizes
// are numbers they are constants before anything runs.

import GraphIR
import TensorCore

extension Resize {
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0], let spans = try? spans(of: type.shape, computed: types.operands) else {
      return .leaf
    }
    return .decompose { builder, operands throws(TypeError) in
      guard var value = operands[0] else { throw TypeError("'Resize' needs an operand") }
      if mode != "nearest" {
        // Integers are rounded at the end, where halves must be exact.
        let wide: DType = type.dtype.isFloat && type.dtype.bits <= 32 ? .f32 : .f64
        value = try builder.narrowed(value, to: wide)
      }
      for span in spans { value = try resized(value, span, operands, &builder) }
      if mode != "nearest" && !type.dtype.isFloat { value = try builder.emit(Round(), value) }
      return [try builder.narrowed(value, to: type.dtype)]
    }
  }

  /// One axis.
  private func resized(
    _ x: ValueID, _ span: Span, _ operands: [ValueID?], _ builder: inout GraphBuilder
  ) throws(TypeError) -> ValueID {
    let rank = builder.type(x).rank
    if span.output == 0 { return try builder.slice(x, axis: span.axis, from: 0, to: 0) }
    let scale = try scale(span, operands, &builder)
    let place = try coordinate(span, scale, operands, &builder)
    var result: ValueID
    if mode == "nearest" {
      result = try builder.emit(Gather(axis: span.axis), x, try index(nearest(place, scale, &builder), &builder))
    } else {
      let base = try builder.emit(Floor(), place)
      let fraction = try builder.sub(place, base)
      var sum: ValueID?
      for (position, weight) in try weights(base, fraction, span, &builder) {
        let part = try builder.emit(Gather(axis: span.axis), x, try index(position, &builder))
        let narrow = try builder.narrowed(weight, to: builder.type(x).dtype)
        let term = try builder.mul(part, try builder.along(span.axis, rank: rank, narrow))
        sum = try builder.added(term, to: sum)
      }
      guard let sum else { throw TypeError("'Resize' has no weights") }
      result = sum
    }
    guard coordinates == "tf_crop_and_resize" else { return result }
    let last = try builder.plus(try builder.size(span.input, .f64), -1)
    let isBefore = try builder.emit(Less(), place, try builder.scalar(0, .f64))
    let isOutside = try builder.emit(Or(), isBefore, try builder.emit(Greater(), place, last))
    let mask = try builder.along(span.axis, rank: rank, isOutside)
    let value = builder.type(x).dtype
    result = try builder.emit(Where(), mask, try builder.scalar(extrapolationValue, value), result)
    return result
  }

  /// Output elements for one input element, f64.
  private func scale(
    _ span: Span, _ operands: [ValueID?], _ builder: inout GraphBuilder
  ) throws(TypeError) -> ValueID {
    if let factors = optional(operands, 1) { return try builder.element(span.place, of: factors) }
    if let scale = span.scale { return try builder.scalar(scale, .f64) }
    return try builder.div(try builder.size(span.output, .f64), try builder.size(span.input, .f64))
  }

  /// The input coordinates of the output positions, f64.
  private func coordinate(
    _ span: Span, _ scale: ValueID, _ operands: [ValueID?], _ builder: inout GraphBuilder
  ) throws(TypeError) -> ValueID {
    let y = try builder.range(span.output, .f64)
    let input = try builder.size(span.input, .f64)
    let output = try builder.size(span.output, .f64)
    let width = span.isSized ? output : try builder.mul(input, scale)
    let last = try builder.plus(input, -1)
    let isSingle = try builder.emit(
      Or(), try builder.emit(Equal(), width, try builder.scalar(1, .f64)),
      try builder.emit(LessOrEqual(), output, try builder.scalar(1, .f64)))
    func halfPixel() throws(TypeError) -> ValueID {
      try builder.plus(try builder.div(try builder.plus(y, 0.5), scale), -0.5)
    }
    /// y · factor / (width - 1), or `single` where there is one element.
    func cornered(_ factor: ValueID, single: ValueID) throws(TypeError) -> ValueID {
      let spread = try builder.div(try builder.mul(y, factor), try builder.plus(width, -1))
      return try builder.emit(Where(), isSingle, single, spread)
    }
    switch coordinates {
    case "align_corners": return try cornered(last, single: try builder.scalar(0, .f64))
    case "asymmetric": return try builder.div(y, scale)
    case "pytorch_half_pixel":
      let hasMany = try builder.emit(Greater(), output, try builder.scalar(1, .f64))
      return try builder.masked(try halfPixel(), where: hasMany)
    case "half_pixel_symmetric":
      let rest = try builder.minus(1, try builder.div(output, width))
      // Added up as the definition does: whole coordinates are whole or not by the last bit.
      let start = try builder.mul(try builder.scaled(input, by: 0.5), rest)
      let place = try builder.div(try builder.plus(y, 0.5), scale)
      return try builder.plus(try builder.add(start, place), -0.5)
    case "tf_crop_and_resize":
      if let region = optional(operands, 2) {
        let named = axes.isEmpty ? builder.type(region).elementCount.value.map { $0 / 2 } ?? 0 : axes.count
        let start = try builder.element(span.place, of: region)
        let end = try builder.element(named + span.place, of: region)
        let first = try builder.mul(last, start)
        let centre = try builder.mul(last, try builder.scaled(try builder.add(start, end), by: 0.5))
        let width = try builder.mul(last, try builder.sub(end, start))
        return try builder.add(first, try cornered(width, single: try builder.sub(centre, first)))
      }
      let (start, end) = span.region
      let first = try builder.scaled(last, by: start)
      let centre = try builder.scaled(last, by: 0.5 * (start + end))
      let spread = try cornered(try builder.scaled(last, by: end - start), single: try builder.sub(centre, first))
      return try builder.add(first, spread)
    default: return try halfPixel()
    }
  }

  private func nearest(
    _ place: ValueID, _ scale: ValueID, _ builder: inout GraphBuilder
  ) throws(TypeError) -> ValueID {
    switch nearestMode {
    case "floor": return try builder.emit(Floor(), place)
    case "ceil": return try builder.emit(Ceil(), place)
    case "ceil_shrinking":
      // As f32 a quotient such as 7 / 0.7 is whole.
      let short = try builder.emit(Cast(to: .f64), try builder.emit(Cast(to: .f32), place))
      let shrinks = try builder.emit(Less(), scale, try builder.scalar(1, .f64))
      return try builder.emit(Where(), shrinks, try builder.emit(Ceil(), short), try builder.emit(Floor(), short))
    case "round_prefer_ceil": return try builder.emit(Floor(), try builder.plus(place, 0.5))
    default: return try builder.emit(Ceil(), try builder.plus(place, -0.5))
    }
  }

  /// Positions as indices; Gather clamps those after the end, but counts negative ones from there.
  private func index(_ position: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    try builder.emit(Cast(to: .i64), try builder.emit(Clip(min: 0, max: nil), position))
  }

  /// The positions that are mixed, and their weights, as vectors over the output axis.
  private func weights(
    _ base: ValueID, _ fraction: ValueID, _ span: Span, _ builder: inout GraphBuilder
  ) throws(TypeError) -> [(position: ValueID, weight: ValueID)] {
    let shrink = antialias ? min(span.scale ?? 1, 1) : 1
    // Every position at less than the kernel's reach from the coordinate.
    let reach = Int(((mode == "cubic" ? 2 : 1) / shrink).rounded(.up))
    guard reach < 4096 else { throw TypeError("'Resize' shrinks axis \(span.axis) more than 'antialias' can filter") }
    let last = try builder.plus(try builder.size(span.input, .f64), -1)
    var taps: [(position: ValueID, weight: ValueID)] = []
    var sum: ValueID?
    for offset in 1 - reach...reach {
      let position = try builder.plus(base, Double(offset))
      let distance = try builder.scaled(
        try builder.emit(Abs(), try builder.minus(Double(offset), fraction)), by: shrink)
      var weight = try kernel(distance, &builder)
      if excludesOutside {
        let isOn = try builder.emit(
          And(), try builder.emit(GreaterOrEqual(), position, try builder.scalar(0, .f64)),
          try builder.emit(LessOrEqual(), position, last))
        weight = try builder.masked(weight, where: isOn)
      }
      sum = try builder.added(weight, to: sum)
      taps.append((position, weight))
    }
    guard antialias || excludesOutside, let sum else { return taps }
    let isZero = try builder.emit(Equal(), sum, try builder.scalar(0, .f64))
    let divisor = try builder.emit(Where(), isZero, try builder.scalar(1, .f64), sum)
    return try taps.map { tap throws(TypeError) in (tap.position, try builder.div(tap.weight, divisor)) }
  }

  /// The interpolation kernel of distances.
  private func kernel(_ d: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    if mode == "linear" { return try builder.emit(Clip(min: 0, max: nil), try builder.minus(1, d)) }
    let a = cubicCoefficient
    let square = try builder.mul(d, d)
    // 1 + d²·((a + 2)·d - (a + 3)), and a·(((d - 5)·d + 8)·d - 4)
    let near = try builder.plus(
      try builder.mul(square, try builder.plus(try builder.scaled(d, by: a + 2), -(a + 3))), 1)
    let inner = try builder.plus(try builder.mul(try builder.plus(d, -5), d), 8)
    let far = try builder.scaled(try builder.plus(try builder.mul(inner, d), -4), by: a)
    let isNear = try builder.emit(LessOrEqual(), d, try builder.scalar(1, .f64))
    let isFar = try builder.emit(Less(), d, try builder.scalar(2, .f64))
    return try builder.emit(Where(), isNear, near, try builder.masked(far, where: isFar))
  }
}

extension GraphBuilder {
  /// An element of a vector as an f64 scalar.
  fileprivate mutating func element(_ place: Int, of vector: ValueID) throws(TypeError) -> ValueID {
    let one = try slice(vector, axis: 0, from: Dim(place), to: Dim(place + 1))
    return try narrowed(try reshaped(one, []), to: .f64)
  }
}
