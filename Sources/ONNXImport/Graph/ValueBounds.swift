// SPDX-License-Identifier: Apache-2.0
// What integers that a model computes never exceed: bounds for sizes that are found while it runs.

import GraphIR
import GraphOps
import TensorCore

/// Bounds of every element of an integer tensor; nil where none is known.
struct ValueBounds {
  var low: Int?
  /// Over the model's named sizes.
  var high: Dim?

  static let unknown = ValueBounds(nil, nil)

  init(_ low: Int?, _ high: Dim?) {
    self.low = low
    self.high = high.flatMap { $0.isValid ? $0 : nil }
  }

  /// What an element type holds; nothing is said of the widest ones.
  init(_ dtype: DType) {
    switch dtype {
    case .bool: self.init(0, 1)
    case .u8: self.init(0, 255)
    case .i8: self.init(-128, 127)
    case .u16: self.init(0, 65535)
    case .i16: self.init(-32768, 32767)
    case .u32, .u64: self.init(0, nil)
    default: self.init(nil, nil)
    }
  }

  var isNegative: Bool { low.map { $0 < 0 } ?? true }

  /// Where both hold, for one value.
  func and(_ other: ValueBounds) -> ValueBounds {
    ValueBounds(
      [low, other.low].compactMap { $0 }.max(), both(high, other.high, Dim.smaller) ?? high ?? other.high)
  }

  /// Where either may hold.
  func or(_ other: ValueBounds) -> ValueBounds {
    ValueBounds(both(low, other.low, min), both(high, other.high, Dim.larger))
  }

  static func + (a: ValueBounds, b: ValueBounds) -> ValueBounds {
    ValueBounds(both(a.low, b.low) { exact($0.addingReportingOverflow($1)) } ?? nil, both(a.high, b.high, +))
  }

  static func - (a: ValueBounds, b: ValueBounds) -> ValueBounds {
    ValueBounds(
      both(a.low, b.high?.value) { exact($0.subtractingReportingOverflow($1)) } ?? nil,
      both(a.high, b.low) { $0 - Dim($1) })
  }

  /// The smallest and largest of values that all hold for.
  static func smallest(_ all: [ValueBounds]) -> ValueBounds {
    ValueBounds(
      all.contains { $0.low == nil } ? nil : all.compactMap(\.low).min(),
      all.compactMap(\.high).reduce(nil) { best, high in best.map { Dim.smaller($0, high) } ?? high })
  }

  static func largest(_ all: [ValueBounds]) -> ValueBounds {
    let highs = all.compactMap(\.high)
    return ValueBounds(all.compactMap(\.low).max(), highs.count < all.count ? nil : highs.reduce(0, Dim.larger))
  }
}

/// `body` of two values that are known.
private func both<A, B, Result>(_ a: A?, _ b: B?, _ body: (A, B) -> Result) -> Result? {
  guard let a, let b else { return nil }
  return body(a, b)
}

private func exact(_ result: (partialValue: Int, overflow: Bool)) -> Int? {
  result.overflow ? nil : result.partialValue
}

extension GraphImporter {
  /// How far back bounds are looked for.
  private static let boundDepth = 48

  /// What a size never exceeds, over sizes that are known before anything runs.
  func callerBound(_ size: Dim) -> Dim? {
    var bounds: [String: Dim] = [:]
    for symbol in builder.graph.symbols { bounds[symbol.name] = symbol.bound }
    return size.upperBound(bounds)
  }

  /// The bounds of a value's elements, from the operators that made it.
  func bounds(of id: ValueID, depth: Int = 0) -> ValueBounds {
    let type = type(id)
    let own = ValueBounds(type.dtype)
    guard !type.dtype.isFloat, depth < Self.boundDepth else { return own }
    if let dims = known.dims(id) {
      let each = dims.map { ValueBounds($0.bounds(known.ranges).low, callerBound($0)) }
      return each.dropFirst().reduce(each.first ?? own) { $0.or($1) }
    }
    guard let node = builder.graph.producer(id) else { return own }
    return own.and(bounds(of: node, result: node.results.firstIndex(of: id) ?? 0, depth: depth + 1))
  }

  private func bounds(of node: Node, result: Int, depth: Int) -> ValueBounds {
    let values = node.operands.compactMap { $0 }
    guard let first = values.first else { return .unknown }
    func operand(_ number: Int) -> ValueBounds {
      values.indices.contains(number) ? bounds(of: values[number], depth: depth) : .unknown
    }
    func all() -> [ValueBounds] { values.map { bounds(of: $0, depth: depth) } }
    /// Positions along an axis of the first operand.
    func positions(_ axis: Int) -> ValueBounds {
      let shape = type(first).shape
      let place = axis < 0 ? axis + shape.count : axis
      return ValueBounds(0, shape.indices.contains(place) ? callerBound(shape[place]) : nil)
    }
    switch node.operation {
    case is Identity, is Reshape, is Squeeze, is Unsqueeze, is Flatten, is Transpose, is Expand, is Tile, is Slice,
      is Split, is Gather, is GatherND, is GatherElements, is Prefix, is ReduceMax, is ReduceMin, is Compress:
      return operand(0)
    case is Cast: return type(first).dtype.isFloat ? .unknown : operand(0)
    case let size as RuntimeSize: return ValueBounds(0, callerBound(size.size))
    case is Concat: return all().dropFirst().reduce(operand(0)) { $0.or($1) }
    case is Where: return operand(1).or(operand(2))
    case is Min: return .smallest(all())
    case is Max: return .largest(all())
    case let clip as Clip:
      // Bounds that are operands come in the order of the slots, any of them missing.
      guard values.count == 1 else { return .unknown }
      let limits = ValueBounds(
        clip.min.flatMap { Int(exactly: $0.rounded()) }, clip.max.flatMap { Int(exactly: $0) }.map { Dim($0) })
      return operand(0).and(limits)
    case is Add: return operand(0) + operand(1)
    case is Sub: return operand(0) - operand(1)
    case is Mul:
      let (a, b) = (operand(0), operand(1))
      return a.isNegative || b.isNegative ? .unknown : ValueBounds(0, both(a.high, b.high, *))
    case is Div:
      let (a, b) = (operand(0), operand(1))
      return a.isNegative || (b.low ?? 0) < 1 ? .unknown : ValueBounds(0, a.high)
    case let mod as Mod where !mod.fmod:
      let b = operand(1)
      return (b.low ?? 0) < 1 ? .unknown : ValueBounds(0, b.high.map { $0 - 1 })
    case let sum as ReduceSum:
      let counted = operand(0)
      guard !counted.isNegative, let high = counted.high, !(sum.axes.isEmpty && sum.noopWithEmptyAxes),
        let result = node.results.first, let source = callerBound(type(first).elementCount),
        let reduced = source.dividedExactly(by: type(result).elementCount)
      else { return .unknown }
      return ValueBounds(0, high * reduced)
    case let index as ArgMax: return positions(index.axis)
    case let index as ArgMin: return positions(index.axis)
    case let top as TopK: return result == 0 ? operand(0) : positions(top.axis)
    case is NonZero:
      return .largest(type(first).shape.indices.map(positions))
    default: return .unknown
    }
  }
}
