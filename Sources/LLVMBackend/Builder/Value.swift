// SPDX-License-Identifier: Apache-2.0
// Types and values of the code being built.

/// The element of a value. Pointers are untyped: accesses name the type they read or write.
package enum Scalar: UInt8, Hashable, Sendable {
  case i1, i8, i16, i32, i64, f16, f32, f64, pointer

  package var isFloat: Bool { self == .f16 || self == .f32 || self == .f64 }

  package var bits: Int {
    switch self {
    case .i1: 1
    case .i8: 8
    case .i16, .f16: 16
    case .i32, .f32: 32
    case .i64, .f64, .pointer: 64
    }
  }

  /// The integer of the same width.
  package var integer: Scalar {
    switch self {
    case .f16: .i16
    case .f32: .i32
    case .f64, .pointer: .i64
    default: self
    }
  }
}

/// A scalar (one lane) or vector type.
package struct ValueType: Hashable, Sendable {
  package var scalar: Scalar
  /// 1 for a scalar.
  package var lanes: Int

  package init(_ scalar: Scalar, _ lanes: Int = 1) {
    self.scalar = scalar
    self.lanes = lanes
  }

  package static let i1 = ValueType(.i1)
  package static let i8 = ValueType(.i8)
  package static let i16 = ValueType(.i16)
  package static let i32 = ValueType(.i32)
  package static let i64 = ValueType(.i64)
  package static let f16 = ValueType(.f16)
  package static let f32 = ValueType(.f32)
  package static let f64 = ValueType(.f64)
  package static let pointer = ValueType(.pointer)

  package var isVector: Bool { lanes > 1 }
  package var isFloat: Bool { scalar.isFloat }
  /// Bytes of one lane.
  package var elementSize: Int { (scalar.bits + 7) / 8 }

  package func with(_ scalar: Scalar) -> ValueType { ValueType(scalar, lanes) }
  package func with(lanes: Int) -> ValueType { ValueType(scalar, lanes) }
}

/// An SSA value. It belongs to its module and must not outlive it.
package struct Value {
  package let ref: OpaquePointer
  package let type: ValueType

  /// LLVM's builders never give null.
  init(_ ref: OpaquePointer!, _ type: ValueType) {
    self.ref = ref
    self.type = type
  }

  package var lanes: Int { type.lanes }
}

/// A basic block of the function being built.
package struct Block: Equatable {
  let ref: OpaquePointer

  init(_ ref: OpaquePointer!) { self.ref = ref }
}
