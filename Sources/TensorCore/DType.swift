// SPDX-License-Identifier: Apache-2.0
// The element types of tensors.

/// An element type. The raw value is the byte that plan images and kernel caches store; it never changes.
package enum DType: UInt8, CaseIterable, Hashable, Sendable, CustomStringConvertible {
  case f32 = 1
  case f64, f16, bf16
  case i8, i16, i32, i64
  case u8, u16, u32, u64
  case bool
  /// Two elements a byte, low nibble first; only as stored weights.
  case i4, u4

  /// The name in `.graph` text and in messages.
  package var description: String { name }

  package var name: String {
    switch self {
    case .f32: "f32"
    case .f64: "f64"
    case .f16: "f16"
    case .bf16: "bf16"
    case .i8: "i8"
    case .i16: "i16"
    case .i32: "i32"
    case .i64: "i64"
    case .u8: "u8"
    case .u16: "u16"
    case .u32: "u32"
    case .u64: "u64"
    case .bool: "bool"
    case .i4: "i4"
    case .u4: "u4"
    }
  }

  package init?(name: String) {
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }

  /// Bits of one stored element.
  package var bits: Int {
    switch self {
    case .f64, .i64, .u64: 64
    case .f32, .i32, .u32: 32
    case .f16, .bf16, .i16, .u16: 16
    case .i8, .u8, .bool: 8
    case .i4, .u4: 4
    }
  }

  /// Bytes of one stored element; 1 for the packed 4-bit types, whose tensors take half as many (see `byteCount`).
  package var size: Int { max(bits / 8, 1) }

  /// Bytes of `count` stored elements, or nil when that does not fit `Int`.
  package func byteCount(_ count: Int) -> Int? {
    let (total, overflow) = count.multipliedReportingOverflow(by: bits)
    return overflow ? nil : (total + 7) / 8
  }

  package var isFloat: Bool {
    switch self {
    case .f32, .f64, .f16, .bf16: true
    default: false
    }
  }

  /// Integers only; `bool` is neither float nor integer.
  package var isInteger: Bool { !isFloat && self != .bool }

  package var isSigned: Bool {
    switch self {
    case .u8, .u16, .u32, .u64, .u4, .bool: false
    default: true
    }
  }

  /// The smallest and largest value of an integer type; `u64` is given as its signed bit patterns' limits 0 and -1.
  package var integerRange: (low: Int64, high: Int64)? {
    switch self {
    case .i8: (-128, 127)
    case .i16: (-32768, 32767)
    case .i32: (Int64(Int32.min), Int64(Int32.max))
    case .i64: (.min, .max)
    case .u8: (0, 255)
    case .u16: (0, 65535)
    case .u32: (0, Int64(UInt32.max))
    case .u64: (0, -1)
    case .i4: (-8, 7)
    case .u4: (0, 15)
    case .bool: (0, 1)
    case .f32, .f64, .f16, .bf16: nil
    }
  }
}
