// SPDX-License-Identifier: Apache-2.0
// The same bits as another element type.

import GraphIR
import KernelIR
import TensorCore

package struct BitCast: Operation {
  package static let name = "BitCast"
  package static let summary = "The input's bits read as another element type of the same width."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] { [Attribute("to", \.to, "the new element type")] }
  package var to = DType.f32
  package init() {}
  package init(to dtype: DType) { to = dtype }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'BitCast' needs an operand") }
    guard x.dtype.bits == to.bits, DType.everything.contains(x.dtype), DType.everything.contains(to) else {
      throw TypeError(
        "'BitCast' cannot read \(x.dtype) (\(x.dtype.bits) bits) as \(to) (\(to.bits) bits)", operand: 0)
    }
    return [TensorType(to, x.shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'BitCast' needs an operand") }
    _ = try inferTypes([x.type])
    let bits = (0..<x.count).map { position -> UInt64 in
      switch x.dtype {
      case .f64: x.reals[position].bitPattern
      case .f32: UInt64(Float(x.reals[position]).bitPattern)
      case .f16: UInt64(halfBits(x.reals[position]))
      case .bf16: UInt64(bfloatBits(x.reals[position]))
      default: UInt64(bitPattern: x.integers[position])
      }
    }
    switch to {
    case .f64: return [Reference(to, x.shape, reals: bits.map { Double(bitPattern: $0) })]
    case .f32:
      return [Reference(to, x.shape, reals: bits.map { Double(Float(bitPattern: UInt32(truncatingIfNeeded: $0))) })]
    case .f16:
      return [Reference(to, x.shape, reals: bits.map { Double(Float(halfBits: UInt16(truncatingIfNeeded: $0))) })]
    case .bf16:
      return [Reference(to, x.shape, reals: bits.map { Double(Float(bfloatBits: UInt16(truncatingIfNeeded: $0))) })]
    default: return [Reference(to, x.shape, integers: bits.map { wrap(Int64(bitPattern: $0), to: to) })]
    }
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let source = types.operands[0]?.dtype else { return .leaf }
    return .pointwise { context, index in
      let x = context.operand(0, at: index)
      if source == to { return [x] }
      // Halves are f32 in expressions; theirs are the bits of the stored number.
      let bits: Expr =
        switch source {
        case .f16: halfPattern(x)
        case .bf16: Expr.binary(.shr, Expr(.bitcast(x), .u32), .int(16, .u32)).cast(to: .u16)
        default: x
        }
      switch to {
      case .f16: return [halfValue(bits.cast(to: .u16))]
      case .bf16: return [Expr(.bitcast(.binary(.shl, bits.cast(to: .u16).cast(to: .u32), .int(16, .u32))), .f32)]
      case .f32, .f64: return [Expr(.bitcast(bits), to)]
      default: return [bits.dtype.isFloat ? Expr(.bitcast(bits), to) : bits.cast(to: to)]
      }
    }
  }

  /// The bits of an f32 expression that is an f16 value, u16.
  private func halfPattern(_ x: Expr) -> Expr {
    func bits(_ value: Int) -> Expr { .int(value, .u32) }
    let pattern = Expr(.bitcast(x), .u32)
    let sign = Expr.binary(.and, .binary(.shr, pattern, bits(16)), bits(0x8000))
    let magnitude = Expr.binary(.and, pattern, bits(0x7FFF_FFFF))
    let normal = Expr.binary(.shr, magnitude - bits(0x3800_0000), bits(13))
    // Below 2⁻¹⁴ a number is a multiple of 2⁻²⁴.
    let small = (Expr(.bitcast(magnitude), .f32) * 0x1p24).cast(to: .u32)
    let special = Expr.binary(
      .or, bits(0x7C00), .binary(.and, .binary(.shr, magnitude, bits(13)), bits(0x3FF)))
    let finite = Expr.select(.less(magnitude, bits(0x3880_0000)), small, normal)
    let whole = Expr.select(.less(magnitude, bits(0x7F80_0000)), finite, special)
    return Expr.binary(.or, sign, whole).cast(to: .u16)
  }

  /// The f32 value of the bits of an f16, u16.
  private func halfValue(_ pattern: Expr) -> Expr {
    func bits(_ value: Int) -> Expr { .int(value, .u32) }
    let wide = pattern.cast(to: .u32)
    let sign = Expr.binary(.shl, .binary(.and, wide, bits(0x8000)), bits(16))
    let magnitude = Expr.binary(.and, wide, bits(0x7FFF))
    let shifted = Expr.binary(.shl, magnitude, bits(13))
    let small = Expr(.bitcast(magnitude.cast(to: .f32) * 0x1p-24), .u32)
    let finite = Expr.select(.less(magnitude, bits(0x400)), small, shifted + bits(0x3800_0000))
    let whole = Expr.select(
      .less(magnitude, bits(0x7C00)), finite, .binary(.or, bits(0x7F80_0000), shifted))
    return Expr(.bitcast(.binary(.or, sign, whole)), .f32)
  }

  /// Bits have no derivative; between equal types nothing happens.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    guard context.type(x).dtype == to else { throw TypeError("'BitCast' has no gradient") }
    return [seed]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let groups: [[DType]] = [[.f64, .i64, .u64], [.f32, .i32, .u32], [.f16, .bf16, .i16, .u16], [.i8, .u8, .bool]]
    let group = random.pick(groups)
    let source = random.pick(group)
    // Small integers are tiny floats, not NaNs, whose payload the definition does not keep.
    return Sample(
      BitCast(to: random.pick(group)), [TensorType(source, random.shape().map { Dim($0) })],
      ranges: [0: source.isSigned && !source.isFloat ? 0...100 : -2...2])
  }
}
