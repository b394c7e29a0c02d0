// SPDX-License-Identifier: Apache-2.0
// Operators that move elements: Split, Tile, Pad, Concat, and softmax over several axes.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// The same value under another name.
  static let identity: Translation = { (_, node) throws(TypeError) in [try node.required(0)] }

  /// Without sizes the number of results says how many parts there are.
  static let split: Translation = { (importer, node) throws(TypeError) in
    var split = Split()
    split.axis = try node.int("axis", default: 0)
    if let sizes = try node.ints("split") {
      split.split = sizes.map { Dim($0) }
    } else if let sizes = node.operand(1) {
      if importer.session.findsSizes, importer.known.dims(sizes) == nil {
        return try runtimeSplit(&importer, try node.required(0), sizes, axis: split.axis)
      }
      split.split = try importer.dims(sizes, "split")
    }
    let count = try node.int("num_outputs")
    if split.split.isEmpty { split.outputCount = count ?? node.proto.output.count }
    return try importer.emitAll(split, [try node.required(0)])
  }

  /// Where a slice that means the end of a named size may end.
  private static let endOfEverything = 1 << 20

  /// The first `n` elements of a longer axis, `n` a size with a name, are the smaller of both numbers. What follows
  /// mostly needs `n` itself, and then the model holds for `n` up to the axis: an attempt that failed without says so.
  static let slice: Translation = { (importer, node) throws(TypeError) in
    if importer.session.findsSizes, node.version >= 10, let starts = node.operand(1), let ends = node.operand(2),
      importer.known.dims(starts) == nil || importer.known.dims(ends) == nil
    {
      return try runtimeSlice(&importer, &node)
    }
    guard importer.session.assumesInside, node.version >= 10, let ends = node.operand(2) else {
      return try translate(Slice(), &importer, &node)
    }
    var data = try node.required(0)
    let (starts, limits) = (try importer.dims(try node.required(1), "starts"), try importer.dims(ends, "ends"))
    let axes =
      try node.operand(3).map { axes throws(TypeError) in try importer.ints(axes, "axes") } ?? Array(starts.indices)
    let steps =
      try node.operand(4).map { steps throws(TypeError) in try importer.ints(steps, "steps") } ?? starts.map { _ in 1 }
    guard limits.count == starts.count, axes.count == starts.count, steps.count == starts.count else {
      return try translate(Slice(), &importer, &node)
    }
    var rest = Slice()
    for entry in starts.indices {
      let type = importer.type(data)
      let axis = axes[entry] < 0 ? axes[entry] + type.rank : axes[entry]
      var limit = limits[entry]
      if type.shape.indices.contains(axis), let name = type.shape[axis].symbols.first,
        type.shape[axis] == Dim(symbol: name),
        let end = limit.value, end >= Self.endOfEverything
      {
        importer.assume(name, atMost: end)
        limit = Dim(Int(Int32.max))
      }
      if type.shape.indices.contains(axis), let size = type.shape[axis].value, starts[entry] == 0, steps[entry] == 1,
        let name = limits[entry].symbols.first, limits[entry] == Dim(symbol: name)
      {
        importer.assume(name, atMost: size)
        let first = try importer.emit(NumberRange(count: limits[entry], .i64))
        data = try importer.emit(Gather(axis: axis), data, first)
      } else {
        rest.starts.append(starts[entry])
        rest.ends.append(limit)
        rest.axes.append(axis)
        rest.steps.append(steps[entry])
      }
    }
    return [rest.starts.isEmpty ? data : try importer.emit(rest, data)]
  }

  /// In operator set 1 the operands are the number of copies and their axis.
  static let tile: Translation = { (importer, node) throws(TypeError) in
    let (x, repeats) = (try node.required(0), try importer.sizes(try node.required(1), "repeats", of: node))
    guard node.version < 6, let axisOperand = node.operand(2) else {
      return [try importer.emit(Tile(repeats: repeats), x)]
    }
    let axis = try importer.int(axisOperand, "axis")
    let rank = importer.rank(x)
    let place = axis < 0 ? axis + rank : axis
    guard repeats.count == 1, (0..<rank).contains(place) else {
      throw TypeError("axis \(axis) is none of \(importer.type(x))")
    }
    return [try importer.emit(Tile(repeats: (0..<rank).map { $0 == place ? repeats[0] : 1 }), x)]
  }

  static let pad: Translation = { (importer, node) throws(TypeError) in
    var pad = Pad()
    if let mode = try node.string("mode") { pad.mode = mode }
    if let value = try node.float("value") { pad.value = value }
    var constant: ValueID?
    if let pads = try node.ints(node.has("paddings") ? "paddings" : "pads") {
      pad.pads = pads.map { Dim($0) }
    } else {
      pad.pads = try importer.sizes(try node.required(1), "pads", of: node)
      if let axes = node.operand(3) {
        pad.axes = try importer.ints(axes, "axes")
        // No axes, no padding; here an empty list means all.
        if pad.axes.isEmpty { return [try importer.emit(Identity(), try node.required(0))] }
      }
      if let value = node.operand(2), pad.mode == PadMode.constant.rawValue {
        if let number = importer.known.constant(value), number.count == 1, number.dtype.isFloat {
          pad.value = number.double(0)
        } else {
          constant = value
        }
      }
    }
    return [try importer.emit(pad, try node.required(0), constant)]
  }

  /// Before operator set 4 the axis is 1 unless given.
  static let concat: Translation = { (importer, node) throws(TypeError) in
    if node.version < 4, !node.has("axis") { return try translate(Concat(axis: 1), &importer, &node) }
    return try translate(Concat(), &importer, &node)
  }

  /// Before operator set 13 all axes from `axis` on are one.
  static func softmaxLike<Operator: AxisOperation>(_ type: Operator.Type) -> Translation {
    { (importer, node) throws(TypeError) in
      guard node.version < 13 else { return try translate(Operator(), &importer, &node) }
      let x = try node.required(0)
      let shape = importer.type(x).shape
      let given = try node.int("axis", default: 1)
      let axis = given < 0 ? given + shape.count : given
      guard (0...shape.count).contains(axis) else { throw TypeError("axis \(given) is none of \(importer.type(x))") }
      var operation = Operator()
      operation.axis = axis
      if axis == shape.count - 1 { return [try importer.emit(operation, x)] }
      let rows = shape[..<axis].reduce(Dim(1), *)
      let flat = try importer.emit(Reshape(exactly: [rows, shape[axis...].reduce(Dim(1), *)]), x)
      operation.axis = 1
      return [try importer.emit(Reshape(exactly: shape), try importer.emit(operation, flat))]
    }
  }
}
