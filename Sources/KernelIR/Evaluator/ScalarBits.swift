// SPDX-License-Identifier: Apache-2.0
// Scalars of every type as 64 bits, and the elements of buffers.
//
// Integers are their value extended to 64 bits (u64: its pattern), bool is 0 or 1, f32 is its pattern in the low half,
// f64 its pattern. So every value of a type has exactly one form.

import TensorCore

/// Conversions between scalars and their bits.
enum ScalarBits {
  /// An integer's bits, wrapped to its type.
  static func integer(_ value: Int64, _ dtype: DType) -> Int64 {
    switch dtype {
    case .i8: Int64(Int8(truncatingIfNeeded: value))
    case .i16: Int64(Int16(truncatingIfNeeded: value))
    case .i32: Int64(Int32(truncatingIfNeeded: value))
    case .u8: Int64(UInt8(truncatingIfNeeded: value))
    case .u16: Int64(UInt16(truncatingIfNeeded: value))
    case .u32: Int64(UInt32(truncatingIfNeeded: value))
    case .bool: value == 0 ? 0 : 1
    case .i4: Int64(Int8(truncatingIfNeeded: value << 4) >> 4)
    case .u4: value & 15
    case .i64, .u64, .f32, .f64, .f16, .bf16: value
    }
  }

  static func bits(_ value: Float) -> Int64 { Int64(value.bitPattern) }
  static func bits(_ value: Double) -> Int64 { Int64(bitPattern: value.bitPattern) }
  static func float(_ bits: Int64) -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: bits)) }
  static func double(_ bits: Int64) -> Double { Double(bitPattern: UInt64(bitPattern: bits)) }

  /// A float of either width as a Double.
  static func real(_ bits: Int64, _ dtype: DType) -> Double { dtype == .f64 ? double(bits) : Double(float(bits)) }

  /// A Double rounded once to a float type.
  static func rounded(_ value: Double, _ dtype: DType) -> Int64 { dtype == .f64 ? bits(value) : bits(Float(value)) }

  /// A constant of an expression.
  static func constant(_ value: Double, _ dtype: DType) -> Int64 {
    dtype.isFloat ? rounded(value, dtype) : integer(Int64(saturating: value), dtype)
  }

  /// A conversion as `Expr.Kind.cast` defines it.
  static func cast(_ x: Int64, from source: DType, to target: DType) -> Int64 {
    if source.isFloat {
      let value = real(x, source)
      if target.isFloat { return rounded(value, target) }
      if target == .bool { return value != 0 ? 1 : 0 }
      if value.isNaN { return 0 }
      if target == .u64 {
        return Int64(bitPattern: value <= 0 ? 0 : value >= 0x1p64 ? .max : UInt64(value))
      }
      guard let range = target.integerRange else { return 0 }
      return min(max(Int64(saturating: value), range.low), range.high)
    }
    guard target.isFloat else { return integer(x, target) }
    if source == .u64 {
      let value = UInt64(bitPattern: x)
      return target == .f64 ? bits(Double(value)) : bits(Float(value))
    }
    return target == .f64 ? bits(Double(x)) : bits(Float(x))
  }

  /// The bits read as another type of the same width.
  static func bitcast(_ x: Int64, to target: DType) -> Int64 {
    target.isFloat ? (target == .f32 ? Int64(UInt32(truncatingIfNeeded: x)) : x) : integer(x, target)
  }
}

/// A buffer's bytes as elements.
struct ElementBuffer {
  let bytes: UnsafeMutableRawBufferPointer
  let dtype: DType
  /// Whole elements in the bytes.
  let count: Int

  init(_ bytes: UnsafeMutableRawBufferPointer, _ dtype: DType) {
    self.bytes = bytes
    self.dtype = dtype
    count = dtype.bits < 8 ? bytes.count * 2 : bytes.count / dtype.size
  }

  /// The element at an offset inside the buffer, as bits of the compute type.
  func load(_ index: Int) -> Int64 {
    switch dtype {
    case .f32: return Int64(bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
    case .f64, .i64, .u64: return bytes.loadUnaligned(fromByteOffset: index * 8, as: Int64.self)
    case .f16:
      return ScalarBits.bits(Float(halfBits: bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)))
    case .bf16:
      return ScalarBits.bits(Float(bfloatBits: bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)))
    case .i8: return Int64(bytes.load(fromByteOffset: index, as: Int8.self))
    case .u8: return Int64(bytes.load(fromByteOffset: index, as: UInt8.self))
    case .bool: return bytes.load(fromByteOffset: index, as: UInt8.self) == 0 ? 0 : 1
    case .i16: return Int64(bytes.loadUnaligned(fromByteOffset: index * 2, as: Int16.self))
    case .u16: return Int64(bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
    case .i32: return Int64(bytes.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
    case .u32: return Int64(bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
    case .i4, .u4:
      let byte = bytes.load(fromByteOffset: index / 2, as: UInt8.self)
      return ScalarBits.integer(Int64(index % 2 == 0 ? byte & 15 : byte >> 4), dtype)
    }
  }

  /// Writes bits of the compute type at an offset inside the buffer.
  func store(_ value: Int64, _ index: Int) {
    switch dtype {
    case .f32, .i32, .u32:
      bytes.storeBytes(of: UInt32(truncatingIfNeeded: value), toByteOffset: index * 4, as: UInt32.self)
    case .f64, .i64, .u64: bytes.storeBytes(of: value, toByteOffset: index * 8, as: Int64.self)
    case .f16:
      let half = halfBits(Double(ScalarBits.float(value)))
      bytes.storeBytes(of: half, toByteOffset: index * 2, as: UInt16.self)
    case .bf16:
      let half = bfloatBits(Double(ScalarBits.float(value)))
      bytes.storeBytes(of: half, toByteOffset: index * 2, as: UInt16.self)
    case .i16, .u16: bytes.storeBytes(of: UInt16(truncatingIfNeeded: value), toByteOffset: index * 2, as: UInt16.self)
    case .i8, .u8, .bool: bytes.storeBytes(of: UInt8(truncatingIfNeeded: value), toByteOffset: index, as: UInt8.self)
    case .i4, .u4:
      let old = bytes.load(fromByteOffset: index / 2, as: UInt8.self)
      let nibble = UInt8(truncatingIfNeeded: value) & 15
      let byte = index % 2 == 0 ? old & 0xF0 | nibble : old & 0x0F | nibble << 4
      bytes.storeBytes(of: byte, toByteOffset: index / 2, as: UInt8.self)
    }
  }
}
