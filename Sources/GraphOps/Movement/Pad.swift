// SPDX-License-Identifier: Apache-2.0
// Borders around a tensor.

import GraphIR
import KernelIR
import TensorCore

/// How the border of a tensor is made.
package enum PadMode: String, CaseIterable, Sendable {
  /// One value.
  case constant
  /// Mirrored at the first and last element, which are not repeated.
  case reflect
  /// The nearest element.
  case edge
  /// From the other end.
  case wrap
}

/// Negative pads crop, before anything is added.
package struct Pad: Operation {
  package static let name = "Pad"
  package static let summary =
    "The input with elements added before and after its axes (negative numbers crop): a constant, or by mode "
    + "'reflect', 'edge' or 'wrap' its own."
  package static let operands = [Slot("data"), Slot("constant_value", .optional)]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("pads", \.pads, "what to add before each axis, then what to add after each"),
      Attribute("mode", \.mode, "'constant', 'reflect', 'edge' or 'wrap'"),
      Attribute("value", \.value, "the constant, when it is no operand"),
      Attribute("axes", \.axes, "the padded axes, negative from the end; empty means all"),
    ]
  }
  package var pads: [Dim] = []
  package var mode = "constant"
  package var value = 0.0
  package var axes: [Int] = []
  package init() {}
  package init(pads: [Dim], mode: PadMode = .constant, value: Double = 0, axes: [Int] = []) {
    self.pads = pads
    self.mode = mode.rawValue
    self.value = value
    self.axes = axes
  }

  /// What is done to one axis of `whole` elements: `crop` are dropped before, `kept` are taken, `before` and `after`
  /// are added around them.
  package struct Border: Sendable {
    package var whole: Dim
    package var crop: Dim
    package var kept: Dim
    package var before: Dim
    package var after: Dim
    package var size: Dim { before + kept + after }
    package var isNothing: Bool { kept == whole && before == 0 && after == 0 }
  }

  package func resolvedMode() throws(TypeError) -> PadMode {
    guard let known = PadMode(rawValue: mode) else {
      throw TypeError(
        "'mode' of 'Pad' is '\(mode)'",
        note: "it is \(PadMode.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", "))")
    }
    return known
  }

  /// For each axis of a shape what is done to it.
  package func borders(of shape: [Dim]) throws(TypeError) -> [Border] {
    var named = Array(shape.indices)
    if !axes.isEmpty {
      named = []
      for axis in axes { named.append(try normalized(axis, rank: shape.count, for: Self.name)) }
      if Set(named).count < named.count { throw TypeError("'axes' of 'Pad' names an axis twice") }
    }
    guard pads.count == 2 * named.count else {
      throw TypeError(
        "'pads' of 'Pad' has \(pads.count) entries for \(named.count) axes",
        note: "it needs one before and one after each axis: \(2 * named.count)")
    }
    var borders = shape.map { Border(whole: $0, crop: 0, kept: $0, before: 0, after: 0) }
    for (entry, axis) in named.enumerated() {
      let (before, after) = (pads[entry], pads[named.count + entry])
      let crop = Dim.larger(0, -before)
      let kept = shape[axis] - crop - Dim.larger(0, -after)
      if let count = kept.value, count < 0 {
        throw TypeError("'Pad' crops more than the \(shape[axis]) elements of axis \(axis)", operand: 0)
      }
      borders[axis] = Border(
        whole: shape[axis], crop: crop, kept: kept, before: Dim.larger(0, before), after: Dim.larger(0, after))
    }
    return borders
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Pad' needs an operand") }
    let mode = try resolvedMode()
    if operands.count > 1, let constant = operands[1] {
      guard constant.dtype == type.dtype, constant.elementCount == 1 else {
        throw TypeError(
          "'constant_value' of 'Pad' must be one element of type \(type.dtype), found \(constant)", operand: 1)
      }
    }
    let borders = try borders(of: type.shape)
    if mode != .constant, let axis = borders.firstIndex(where: { $0.kept == 0 && $0.size != 0 }) {
      throw TypeError("'Pad' has no elements in axis \(axis) of \(type) to repeat", operand: 0)
    }
    return [TensorType(type.dtype, borders.map(\.size))]
  }

  package func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes? {
    var moved = self
    let named = axes.isEmpty ? Array(order.indices) : axes.map { $0 < 0 ? $0 + order.count : $0 }
    guard named.allSatisfy(order.indices.contains) else { return nil }
    moved.axes = named.map { order[$0] }
    return MovedAxes(moved, .first, order: order)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let data = operands[0] else { throw TypeError("'Pad' needs an operand") }
    _ = try inferTypes(operands.map { $0?.type })
    let mode = try resolvedMode()
    let borders = try borders(of: data.type.shape)
    let crops = try staticSizes(borders.map(\.crop), for: Self.name)
    let counts = try staticSizes(borders.map(\.kept), for: Self.name)
    let before = try staticSizes(borders.map(\.before), for: Self.name)
    let strides = data.strides
    let constant = operands.count > 1 ? operands[1] : nil
    var padded = data.gathering(try staticSizes(borders.map(\.size), for: Self.name), fill: value) { index in
      var offset = 0
      for axis in index.indices {
        guard let place = Self.source(index[axis] - before[axis], counts[axis], mode) else { return nil }
        offset += (crops[axis] + place) * strides[axis]
      }
      return offset
    }
    // An integer constant may have more digits than the fill value of Double.
    if let constant, mode == .constant {
      let isInside = Reference(.bool, data.shape, integers: [Int64](repeating: 1, count: data.count))
      let mask = try Pad(pads: pads, axes: axes).evaluate([isInside])[0]
      for position in mask.integers.indices where mask.integers[position] == 0 {
        if data.dtype.isFloat {
          padded.reals[position] = constant.reals[0]
        } else {
          padded.integers[position] = constant.integers[0]
        }
      }
    }
    return [padded]
  }

  /// Where an element relative to the kept ones comes from; nil for the constant.
  private static func source(_ place: Int, _ count: Int, _ mode: PadMode) -> Int? {
    if (0..<count).contains(place) { return place }
    switch mode {
    case .constant: return nil
    case .edge: return place < 0 ? 0 : count - 1
    case .wrap: return ((place % count) + count) % count
    case .reflect:
      if count == 1 { return 0 }
      let period = 2 * (count - 1)
      let phase = ((place % period) + period) % period
      return min(phase, period - phase)
    }
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0], let borders = try? borders(of: type.shape), let mode = try? resolvedMode()
    else {
      return .leaf
    }
    let outside = outside(types, type.dtype)
    return .pointwise { context, index in
      var source = index
      var isInside = Expr.bool(true)
      for (axis, border) in borders.enumerated() where !border.isNothing {
        let place = index[axis] - context.size(border.before)
        let count = context.size(border.kept)
        switch mode {
        case .constant:
          if border.before != 0 { isInside = isInside && .binary(.ge, place, .int(0)) }
          if border.after != 0 { isInside = isInside && .less(place, count) }
          source[axis] = place
        case .edge: source[axis] = .max(.int(0), .min(place, count - .int(1)))
        case .wrap: source[axis] = .mod(place, count)
        case .reflect:
          // The period of one element is 0, whose remainder is 0.
          let period = (count - .int(1)) * .int(2)
          let phase = Expr.mod(place, period)
          source[axis] = .min(phase, period - phase)
        }
        source[axis] = source[axis] + context.size(border.crop)
      }
      if isInside.integerValue == 1 { return [context.operand(0, at: source)] }
      return [.select(isInside, context.operand(0, at: source, where: isInside), outside(context))]
    }
  }

  /// The constant of a border.
  private func outside(_ types: NodeTypes, _ dtype: DType) -> @Sendable (PullContext) -> Expr {
    let constantType = types.operands.count > 1 ? types.operands[1] : nil
    let fill =
      dtype.isFloat
      ? Expr.constant(value, dtype) : .integer(dtype.integer(saturating: value), dtype.computeType)
    return { context in constantType.map { context.operand(1, at: $0.shape.map { _ in .int(0) }) } ?? fill }
  }

  package func assembly(_ types: NodeTypes) -> Assembly? {
    guard let type = types.operands[0], mode == PadMode.constant.rawValue, let borders = try? borders(of: type.shape),
      borders.allSatisfy({ $0.crop == 0 && $0.kept == $0.whole })
    else { return nil }
    return Assembly(
      [Assembly.Part(operand: 0, start: borders.map(\.before))], rest: outside(types, type.dtype))
  }

  /// Of a constant border: the seed without it, and for the constant the sum of the seed over it. Of other borders: the
  /// seed added up, axis by axis, where its elements came from.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return context.operands.map { _ in nil } }
    let shape = context.type(x).shape
    let mode = try resolvedMode()
    var gradients: [ValueID?] = context.operands.map { _ in nil }
    if mode == .constant {
      gradients[0] = try context.emit(Pad(pads: pads.map { -$0 }, axes: axes), seed)
      if context.operands.count > 1, let constant = context.operands[1] {
        let inside = try context.emit(ConstantOfShape(shape, 0, .bool))
        let mask = try context.emit(Pad(pads: pads, value: 1, axes: axes), inside)
        gradients[1] = try context.unbroadcast(try context.masked(seed, where: mask), to: constant)
      }
      return gradients
    }
    var sum = seed
    for (axis, border) in try borders(of: shape).enumerated() where !border.isNothing {
      let places = try context.emit(NumberRange(count: shape[axis], .i64))
      let ends = [border.before - border.crop, border.after - (border.whole - border.crop - border.kept)]
      let sources = try context.emit(Pad(pads: ends, mode: mode), places)
      sum = try context.emit(ScatterAdd(axis: axis, size: shape[axis]), sources, sum)
    }
    gradients[0] = sum
    return gradients
  }

  package static var rules: [Rule] {
    [
      // Nothing is added or dropped.
      Rule("pad-of-nothing", on: Pad.self) { pad, context throws(TypeError) in
        guard let type = context.type(0), let x = context.operands[0],
          try pad.borders(of: type.shape).allSatisfy(\.isNothing)
        else { return nil }
        return [x]
      }
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1)
    let mode = random.pick(PadMode.allCases)
    let axes = shape.indices.filter { _ in random.bool() }
    let named = axes.isEmpty ? Array(shape.indices) : axes
    var pads: [Dim] = []
    for _ in 0..<2 { pads += named.map { Dim(shape[$0] > 4 ? random.int(-2...6) : random.int(0...5)) } }
    let dtype = random.dtype([.f32, .f64, .i32, .u8])
    var operands: [TensorType?] = [TensorType(dtype, shape.map { Dim($0) })]
    if random.bool() { operands.append(TensorType(dtype, [])) }
    return Sample(Pad(pads: pads, mode: mode, value: 1.5, axes: axes), operands)
  }
}
