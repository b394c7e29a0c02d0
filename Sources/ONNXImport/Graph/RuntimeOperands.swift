// SPDX-License-Identifier: Apache-2.0
// Sizes that a model computes from its values, where nothing but a run can tell them: run-time sizes within bounds.

import GraphIR
import GraphOps
import TensorCore

/// One integer of an operand.
enum SizeElement: Hashable {
  case known(Dim)
  /// An element of a value, by its position.
  case computed(ValueID, Int)
}

extension GraphImporter {
  /// A list of sizes is short.
  private static let sizeLimit = 64

  /// The integers of an operand as far as they are known; nil where their number is not.
  func elements(of id: ValueID) -> [SizeElement]? {
    if let dims = known.dims(id) { return dims.map { .known($0) } }
    guard let count = type(id).elementCount.value, count <= Self.sizeLimit, type(id).dtype.isInteger else { return nil }
    if let node = builder.graph.producer(id), let source = node.operands.first.flatMap({ $0 }) {
      switch node.operation {
      case is Identity, is Reshape, is Squeeze, is Unsqueeze: return elements(of: source)
      case is Cast where type(source).dtype.isInteger: return elements(of: source)
      case is Concat where type(id).rank == 1:
        var joined: [SizeElement] = []
        for operand in node.operands.compactMap({ $0 }) {
          guard let part = elements(of: operand) else { return nil }
          joined += part
        }
        return joined
      default: break
      }
    }
    return (0..<count).map { .computed(id, $0) }
  }

  /// An integer as an i64 scalar.
  mutating func scalar(_ element: SizeElement) throws(TypeError) -> ValueID {
    switch element {
    case .known(let size): return try emit(Dimension(size, .i64))
    case .computed(let value, let position):
      let flat = try emit(Reshape(shape: [-1]), value)
      let one = try emit(Slice(axis: 0, from: Dim(position), to: Dim(position + 1)), flat)
      return try emit(Cast(to: .i64), try emit(Reshape(shape: []), one))
    }
  }

  /// The sizes that an operand says. Those that only a run tells are run-time sizes, the same ones wherever the same
  /// integer is a size.
  ///
  /// - Parameter what: the operand's name, for messages.
  /// - Throws: when sizes may not be found in this attempt.
  mutating func sizes(_ id: ValueID, _ what: String, of node: NodeReader) throws(TypeError) -> [Dim] {
    if let dims = known.dims(id) { return dims }
    guard session.findsSizes, let elements = elements(of: id) else { throw unknown(id, what) }
    var sizes: [Dim] = []
    for element in elements { sizes.append(try size(element, what, of: node)) }
    return sizes
  }

  /// The size that one integer says.
  mutating func size(_ element: SizeElement, _ what: String, of node: NodeReader) throws(TypeError) -> Dim {
    switch element {
    case .known(let size): return size
    case .computed(let value, _):
      if let found = foundSizes[element] { return found }
      let bound = try room(bounds(of: value).high, "'\(what)' of '\(node.operation)'", near: node.operation)
      let size = try runtimeSize(try scalar(element), near: node.operation, atMost: bound)
      foundSizes[element] = size
      return size
    }
  }

  /// A size's bound, or room that grows where there is none; a subgraph has no room of its own.
  mutating func room(_ bound: Dim?, _ what: String, near name: String) throws(TypeError) -> Dim {
    if let bound { return bound }
    guard depth == 0 else {
      throw TypeError(
        "\(what) is computed while the model runs, and no bound of it is known",
        note: "bound it in the model, by Min or Clip with a constant, or give what it is computed from with "
          + "--constant NAME=VALUE")
    }
    session.warn("growing-size", "\(what) is computed while the model runs and has no bound: memory grows with it")
    return builder.room(near: name)
  }

  /// A size that a scalar says while the model runs.
  mutating func runtimeSize(_ scalar: ValueID, near name: String, atMost bound: Dim) throws(TypeError) -> Dim {
    let size = builder.runtimeSize(near: name, atMost: bound)
    _ = try emit(RuntimeSize(size), scalar)
    return size
  }

  /// A value that the model has only where a condition holds: a run in which it does not ends with an error.
  mutating func holding(_ value: ValueID, while condition: ValueID) throws(TypeError) -> ValueID {
    let shape = type(value).shape
    let rows = shape.isEmpty ? try emit(Reshape(shape: [1]), value) : value
    let count = shape.first ?? 1
    guard let bound = callerBound(count) else { throw TypeError("no bound of \(type(value)) is known") }
    // A size that cannot be is found where the condition does not hold.
    let number = try emit(Where(), condition, try emit(Dimension(count, .i64)), try number(-1))
    let size = try runtimeSize(number, near: "holds", atMost: bound)
    let kept = try emit(Extend(axis: 0, count), try emit(Prefix(axis: 0, size), rows))
    return shape.isEmpty ? try emit(Reshape(shape: []), kept) : kept
  }

  /// A scalar that is a whole number or a size, as an integer or as a float.
  func wholeNumber(_ id: ValueID) -> Dim? {
    if let dims = known.dims(id) { return dims.count == 1 ? dims[0] : nil }
    if let constant = known.constant(id), constant.count == 1 {
      return Int(exactly: constant.double(0)).map { Dim($0) }
    }
    guard let node = builder.graph.producer(id), let source = node.operands.first.flatMap({ $0 }) else { return nil }
    switch node.operation {
    case is Identity, is Reshape, is Squeeze, is Unsqueeze: return wholeNumber(source)
    // Sizes are exact in these.
    case let cast as Cast where cast.to == .f32 || cast.to == .f64: return known.dims(source).flatMap(\.first)
    default: return nil
    }
  }

  // MARK: Arithmetic on scalars

  mutating func number(_ value: Int) throws(TypeError) -> ValueID {
    guard let tensor = Tensor(.i64, [], integers: [Int64(value)]) else { throw TypeError("out of memory") }
    return try constant(tensor)
  }

  mutating func clamped(_ value: ValueID, _ low: ValueID, _ high: ValueID) throws(TypeError) -> ValueID {
    try emit(Max(), low, try emit(Min(), value, high))
  }

  /// How many steps there are from `start` to before `end`: max(0, ⌈(end - start) / step⌉).
  mutating func stepCount(_ start: ValueID, _ end: ValueID, _ step: Int) throws(TypeError) -> ValueID {
    let distance = step > 0 ? try emit(Sub(), end, start) : try emit(Sub(), start, end)
    let least = try emit(Max(), distance, try number(0))
    let stride = abs(step)
    if stride == 1 { return least }
    return try emit(Div(), try emit(Add(), least, try number(stride - 1)), try number(stride))
  }
}
