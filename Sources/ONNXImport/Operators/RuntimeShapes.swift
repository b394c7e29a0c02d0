// SPDX-License-Identifier: Apache-2.0
// Slice, Range, Reshape, Squeeze and Expand whose operands are computed while the model runs.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// A slice along axes, some of whose ends only a run tells: no longer than the axis.
  static func runtimeSlice(
    _ importer: inout GraphImporter, _ node: inout NodeReader
  ) throws(TypeError) -> [ValueID?] {
    var data = try node.required(0)
    let (startOperand, endOperand) = (try node.required(1), try node.required(2))
    guard let starts = importer.elements(of: startOperand) else { throw importer.unknown(startOperand, "starts") }
    guard let ends = importer.elements(of: endOperand) else { throw importer.unknown(endOperand, "ends") }
    let axes =
      try node.operand(3).map { axes throws(TypeError) in try importer.ints(axes, "axes") } ?? Array(starts.indices)
    let steps =
      try node.operand(4).map { steps throws(TypeError) in try importer.ints(steps, "steps") } ?? starts.map { _ in 1 }
    guard starts.count == ends.count, starts.count == axes.count, starts.count == steps.count else {
      throw TypeError("its operands have \(starts.count), \(ends.count), \(axes.count) and \(steps.count) entries")
    }
    for entry in starts.indices {
      let type = importer.type(data)
      let axis = axes[entry] < 0 ? axes[entry] + type.rank : axes[entry]
      guard type.shape.indices.contains(axis), steps[entry] != 0, steps[entry] > .min else {
        throw TypeError("'Slice' has no axis \(axes[entry]) of \(type) with step \(steps[entry])")
      }
      if case .known(let start) = starts[entry], case .known(let end) = ends[entry] {
        var slice = Slice(axis: axis, from: start, to: end)
        slice.steps = [steps[entry]]
        data = try importer.emit(slice, data)
      } else {
        data = try importer.slice(data, axis, starts[entry], ends[entry], step: steps[entry])
      }
    }
    return [data]
  }

  /// Numbers at equal distances whose count only a run tells.
  ///
  /// - Parameter step: the distance where it is a known integer, which lets the count be bounded.
  static func runtimeRange(
    _ importer: inout GraphImporter, _ operands: [ValueID], step: Int?
  ) throws(TypeError) -> [ValueID?] {
    let dtype = importer.type(operands[0]).dtype
    let scalars = try operands.map { id throws(TypeError) in
      let scalar = try importer.emit(Reshape(shape: []), id)
      return try importer.emit(Cast(to: dtype.isFloat ? .f64 : .i64), scalar)
    }
    let (start, limit, delta) = (scalars[0], scalars[1], scalars[2])
    var most: Dim?
    let count: ValueID
    if let step {
      guard step != 0, step > .min else { throw TypeError("'delta' must not be \(step)") }
      let ends = [importer.bounds(of: operands[0]), importer.bounds(of: operands[1])]
      let reach = step > 0 ? ends[1] - ends[0] : ends[0] - ends[1]
      most = reach.high.map { Dim.ceilDiv(Dim.larger(0, $0), Dim(abs(step))) }
      count = try importer.stepCount(start, limit, step)
    } else {
      count = try importer.stepCount(start, limit, by: delta, isFloat: dtype.isFloat)
    }
    let bound = try importer.room(most, "the number of elements of 'Range'", near: "range")
    let size = try importer.runtimeSize(count, near: "range", atMost: bound)
    let places = try importer.emit(NumberRange(count: size, dtype.isFloat ? .f64 : .i64))
    let moved = try importer.emit(Add(), start, try importer.emit(Mul(), places, delta))
    return [try importer.emit(Cast(to: dtype), moved)]
  }

  /// Sizes of which some are computed have as many elements as the data, which bounds each.
  static let reshape: Translation = { (importer, node) throws(TypeError) in
    guard importer.session.findsSizes, node.version >= 5, let shape = node.operand(1),
      importer.known.dims(shape) == nil
    else { return try translate(Reshape(), &importer, &node) }
    let keepsZeros = try node.bool("allowzero")
    guard let elements = importer.elements(of: shape) else { throw importer.unknown(shape, "shape") }
    let data = try node.required(0)
    let open = elements.indices.filter { if case .known(let size) = elements[$0] { size == -1 } else { true } }
    if open.count == 1 {
      // Whatever it says, it is what the other sizes leave.
      var rest = Reshape(shape: elements.map { if case .known(let size) = $0 { size } else { -1 } })
      rest.allowZero = keepsZeros
      if let result = try? importer.emit(rest, data) { return [result] }
    }
    return [try importer.reshaped(data, elements, open, keepsZeros: keepsZeros)]
  }

  /// Axes whose size follows from named sizes are taken to have one element; a run in which one has not ends with an
  /// error.
  static let squeeze: Translation = { (importer, node) throws(TypeError) in
    var axes = try node.ints("axes") ?? []
    if let operand = node.operand(1) { axes = try importer.ints(operand, "axes") }
    var data = try node.required(0)
    if importer.session.findsSizes {
      let rank = importer.rank(data)
      for axis in axes.map({ $0 < 0 ? $0 + rank : $0 }) where (0..<rank).contains(axis) {
        if !importer.type(data).shape[axis].isConstant { data = try importer.single(data, axis) }
      }
    }
    return [try importer.emit(Squeeze(axes: axes), data)]
  }

  /// The data is broadcast with sizes; one that is computed and meets an axis of several elements can only be 1 or that.
  static let expand: Translation = { (importer, node) throws(TypeError) in
    guard importer.session.findsSizes, let shape = node.operand(1), importer.known.dims(shape) == nil else {
      return try translate(Expand(), &importer, &node)
    }
    guard let elements = importer.elements(of: shape) else { throw importer.unknown(shape, "shape") }
    let data = try node.required(0)
    let own = importer.type(data).shape
    var sizes: [Dim] = []
    for (axis, element) in elements.enumerated() {
      let place = axis - elements.count + own.count
      if case .computed = element, own.indices.contains(place), let size = own[place].value, size != 1 {
        sizes.append(own[place])
      } else {
        sizes.append(try importer.size(element, "shape", of: node))
      }
    }
    return [try importer.emit(Expand(shape: sizes), data)]
  }
}

extension GraphImporter {
  /// How many steps of a computed width there are from `start` to before `end`: max(0, ⌈(end - start) / step⌉), or -1,
  /// which no size can be, where steps of 0 or what is no number lead nowhere.
  fileprivate mutating func stepCount(
    _ start: ValueID, _ end: ValueID, by step: ValueID, isFloat: Bool
  ) throws(TypeError) -> ValueID {
    let (zero, none) = (try number(0), try number(-1))
    if isFloat {
      let steps = try emit(Ceil(), try emit(Div(), try emit(Sub(), end, start), step))
      let least = try emit(Max(), try emit(Cast(to: .i64), steps), zero)
      let distance = try emit(Abs(), steps)
      // Beyond this integers are not exact; not a number is not below it.
      let isFinite = try emit(Less(), distance, try emit(ConstantOfShape([], 0x1p53, .f64)))
      return try emit(Where(), isFinite, least, none)
    }
    let isUp = try emit(Greater(), step, zero)
    let distance = try emit(Where(), isUp, try emit(Sub(), end, start), try emit(Sub(), start, end))
    let width = try emit(Max(), try emit(Abs(), step), try number(1))
    let rest = try emit(Sub(), width, try number(1))
    let count = try emit(Div(), try emit(Add(), try emit(Max(), distance, zero), rest), width)
    return try emit(Where(), try emit(Equal(), step, zero), none, count)
  }

  /// A slice along one axis; its ends count from the axis' end where they are negative, and are clamped to it.
  fileprivate mutating func slice(
    _ data: ValueID, _ axis: Int, _ start: SizeElement, _ end: SizeElement, step: Int
  ) throws(TypeError) -> ValueID {
    let whole = type(data).shape[axis]
    if whole == 0 { return data }
    guard let bound = callerBound(whole) else { throw TypeError("no bound of axis \(axis) of \(type(data)) is known") }
    let length = try emit(Dimension(whole, .i64))
    let zero = try number(0)
    // Backwards from the last element to before the first.
    let lowest = step > 0 ? zero : try number(-1)
    let highest = step > 0 ? length : try emit(Sub(), length, try number(1))
    func place(_ element: SizeElement, atLeast least: ValueID) throws(TypeError) -> ValueID {
      if case .known(0) = element, step > 0 { return zero }
      let value = try scalar(element)
      let fromEnd = try emit(Add(), value, length)
      let absolute = try emit(Where(), try emit(Less(), value, zero), fromEnd, value)
      return try clamped(absolute, least, highest)
    }
    let first = try place(start, atLeast: zero)
    let last = try place(end, atLeast: lowest)
    let count = try stepCount(first, last, step)
    let size = try runtimeSize(count, near: "slice", atMost: Dim.ceilDiv(bound, Dim(abs(step))))
    if step == 1, case .known(0) = start { return try emit(Prefix(axis: axis, size), data) }
    let steps = try emit(Mul(), try emit(NumberRange(count: size, .i64)), try number(step))
    return try emit(Gather(axis: axis), data, try emit(Add(), first, steps))
  }

  /// The only element along an axis.
  fileprivate mutating func single(_ data: ValueID, _ axis: Int) throws(TypeError) -> ValueID {
    let size = type(data).shape[axis]
    session.warn(
      "assumed-size", "axis \(axis) of \(type(data)) is taken to have one element: runs in which it has not are refused"
    )
    let isOne = try emit(Equal(), try emit(Dimension(size, .i64)), try number(1))
    return try emit(Extend(axis: axis, 1), try holding(data, while: isOne))
  }

  /// The data with sizes of which those at `open` are computed, or -1. A run in which their product is not the number
  /// of elements ends with an error.
  fileprivate mutating func reshaped(
    _ data: ValueID, _ elements: [SizeElement], _ open: [Int], keepsZeros: Bool
  ) throws(TypeError) -> ValueID {
    let own = type(data).shape
    let count = type(data).elementCount
    guard let bound = callerBound(count) else { throw TypeError("no bound of the elements of \(type(data)) is known") }
    let (one, inferred) = (try number(1), try number(-1))
    let all = try emit(Dimension(count, .i64))
    // Sizes of 0 are the data's own, and one of -1 is what the others leave.
    var sizes = elements.map { if case .known(let size) = $0 { size } else { Dim(0) } }
    var given: [ValueID] = []
    var product = one
    for axis in elements.indices {
      if case .known(let size) = elements[axis], size == 0, !keepsZeros {
        guard axis < own.count else {
          throw TypeError("size 0 at axis \(axis) keeps a size that \(type(data)) does not have")
        }
        sizes[axis] = own[axis]
      }
      var value = try open.contains(axis) ? scalar(elements[axis]) : emit(Dimension(sizes[axis], .i64))
      if open.contains(axis), !keepsZeros, axis < own.count {
        let isZero = try emit(Equal(), value, try number(0))
        value = try emit(Where(), isZero, try emit(Dimension(own[axis], .i64)), value)
      }
      given.append(value)
      let isOpen = try emit(Equal(), value, inferred)
      product = try emit(Mul(), product, try emit(Where(), isOpen, one, value))
    }
    let rest = try emit(Div(), all, try emit(Max(), product, one))
    var values: [ValueID] = []
    var total = one
    for value in given {
      values.append(try emit(Where(), try emit(Equal(), value, inferred), rest, value))
      total = try emit(Mul(), total, values[values.count - 1])
    }
    let fits = try emit(Equal(), total, all)
    // The last one follows from the others, so that memory for all is memory for the data.
    for (place, axis) in open.enumerated() {
      if place > 0, place == open.count - 1 {
        let others = elements.indices.filter { $0 != axis }.reduce(Dim(1)) { $0 * sizes[$1] }
        sizes[axis] = Dim.floorDiv(count, others)
      } else {
        let checked = try emit(Where(), fits, values[axis], inferred)
        sizes[axis] = try runtimeSize(checked, near: "reshape", atMost: bound)
      }
    }
    let flat = try emit(Reshape(exactly: [count]), data)
    let kept = try emit(Prefix(sizes.reduce(Dim(1), *)), flat)
    return try emit(Reshape(exactly: sizes), kept)
  }
}
