// SPDX-License-Identifier: Apache-2.0
// Conversion to another element type.

import GraphIR
import KernelIR
import TensorCore

/// Floats become integers by truncation, saturating, NaN as 0 (ONNX leaves these open); integers wrap to narrower
/// ones; anything but 0 is true. f16 and bf16 are reached through f32, each step rounding to nearest, ties to even.
package struct Cast: Operation {
  package static let name = "Cast"
  package static let summary =
    "The input with another element type: floats are truncated to integers, integers wrap, bool is x ≠ 0."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] { [Attribute("to", \.to, "the new element type")] }
  package var to = DType.f32
  package init() {}
  package init(to dtype: DType) { to = dtype }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Cast' needs an operand") }
    guard DType.everything.contains(to) else {
      throw TypeError("'Cast' does not make \(to)", note: "it is a type of stored weights only")
    }
    return [TensorType(to, type.shape)]
  }

  package func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes? { MovedAxes(self, .all, order: order) }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'Cast' needs an operand") }
    if to.isFloat { return [Reference(to, x.shape, reals: (0..<x.count).map { rounded(x, $0) })] }
    if x.dtype.isFloat { return [Reference(to, x.shape, integers: x.reals.map { to.integer(saturating: $0) })] }
    return [Reference(to, x.shape, integers: x.integers.map { wrap($0, to: to) })]
  }

  /// An element rounded to the target, a float type. Integers reach f32 in one rounding.
  private func rounded(_ x: Reference, _ position: Int) -> Double {
    let value = x.double(position)
    if to == .f64 { return value }
    let single: Float
    if x.dtype.isFloat {
      single = Float(value)
    } else if x.dtype == .u64 {
      single = Float(UInt64(bitPattern: x.integers[position]))
    } else {
      single = Float(x.integers[position])
    }
    switch to {
    case .f16: return Double(Float(halfBits: halfBits(Double(single))))
    case .bf16: return Double(Float(bfloatBits: bfloatBits(Double(single))))
    default: return Double(single)
    }
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let source = types.operands[0]?.dtype else { return .leaf }
    return .pointwise { context, index in
      let x = context.operand(0, at: index)
      if source == to { return [x] }
      let value = x.cast(to: to.computeType)
      // Halves are f32 in expressions: what a fused consumer sees must be rounded as a stored one would be.
      switch to {
      case .f16: return [roundedToHalf(value)]
      case .bf16: return [roundedToBFloat(value)]
      default: return [value]
      }
    }
  }

  /// d/dx = 1 between floats
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let source = context.type(x).dtype
    return source.isFloat && to.isFloat ? [try context.emit(Cast(to: source), seed)] : [nil]
  }

  package static var rules: [Rule] {
    [
      // Nothing changes.
      Rule("cast-to-same", on: Cast.self) { cast, context throws(TypeError) in
        guard let x = context.operands[0], context.type(0)?.dtype == cast.to else { return nil }
        return [x]
      },
      // A first conversion that loses nothing can be skipped.
      Rule("cast-of-widening-cast", on: Cast.self) { cast, context throws(TypeError) in
        guard let inner = context.producer(of: 0, as: Cast.self), let x = inner.node.operands[0],
          context.builder.type(x).dtype.isContained(in: inner.operation.to)
        else { return nil }
        return [try context.builder.emit(cast, x)]
      },
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let types = DType.allCases.filter(DType.everything.contains)
    return Sample(
      Cast(to: random.pick(types)), [TensorType(random.pick(types), random.shape().map { Dim($0) })],
      ranges: [0: -100...100])
  }
}

extension DType {
  /// Whether every value of this type is one of the other, so that a conversion loses nothing.
  fileprivate func isContained(in other: DType) -> Bool {
    if self == other { return true }
    switch (isFloat, other.isFloat) {
    case (true, true): return other == .f64 || (other == .f32 && self != .f64)
    case (true, false): return false
    case (false, true):
      // Bits of precision of the float: enough for every integer of the width.
      let precision = other == .f64 ? 53 : other == .f32 ? 24 : other == .f16 ? 11 : 8
      return self == .bool || bits - (isSigned ? 1 : 0) <= precision
    case (false, false):
      if self == .bool { return true }
      if other == .bool { return false }
      return isSigned == other.isSigned ? bits <= other.bits : !isSigned && bits < other.bits
    }
  }
}
