// SPDX-License-Identifier: Apache-2.0
// Scalar expressions: what a kernel computes for one point of its loops. Index arithmetic is the same language in i64.
//
// Nodes are immutable and shared; equality and hashing are structural with a stored hash. f16 and bf16 exist in
// memory only: their loads give f32 and their stores take f32. Construction folds constants and drops neutral
// elements of integer arithmetic, so that index expressions stay small; float arithmetic is never changed.

import TensorCore

/// A loop's variable, i64.
package struct Axis: Hashable, Sendable {
  package let id: Int
  package let name: String
  package init(id: Int, name: String) {
    self.id = id
    self.name = name
  }
}

/// A scalar that statements define and may update.
package struct Local: Hashable, Sendable {
  package let id: Int
  package let name: String
  package let dtype: DType
  package init(id: Int, name: String, dtype: DType) {
    self.id = id
    self.name = name
    self.dtype = dtype
  }
}

/// A scalar expression.
package final class Expr: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// An integer (its bit pattern, for u64) or bool constant.
    case integer(Int64)
    /// A float constant.
    case real(Double)
    case axis(Axis)
    /// The kernel's run-time size of this index, i64.
    case size(Int)
    case local(Local)
    /// An element of a buffer at an element offset. Where the guard is false nothing is read and the value is 0.
    case load(buffer: Int, offset: Expr, guard: Expr?)
    case unary(UnaryFunction, Expr)
    case binary(BinaryFunction, Expr, Expr)
    /// Both sides may be evaluated; loads that must not happen need guards.
    case select(Expr, Expr, Expr)
    /// Conversion to `dtype`. Float to integer rounds toward zero and saturates, NaN gives 0; integer to narrower
    /// integer wraps; anything to bool is `!= 0`.
    case cast(Expr)
    /// The bits read as another type of the same width.
    case bitcast(Expr)
  }

  package let kind: Kind
  package let dtype: DType
  /// 1 for a leaf, else 1 more than the highest operand's.
  package let height: Int
  private let storedHash: Int

  package init(_ kind: Kind, _ dtype: DType) {
    self.kind = kind
    self.dtype = dtype
    var hasher = Hasher()
    hasher.combine(kind)
    hasher.combine(dtype)
    storedHash = hasher.finalize()
    height = 1 + kind.operands.reduce(0) { Swift.max($0, $1.height) }
  }

  package static func == (a: Expr, b: Expr) -> Bool {
    if a === b { return true }
    // By bits: 0 and -0 differ, and a NaN equals itself.
    if case .real(let x) = a.kind, case .real(let y) = b.kind {
      return x.bitPattern == y.bitPattern && a.dtype == b.dtype
    }
    return a.storedHash == b.storedHash && a.dtype == b.dtype && a.kind == b.kind
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(storedHash) }

  // MARK: Leaves

  package static func int(_ value: Int, _ dtype: DType = .i64) -> Expr { Expr(.integer(Int64(value)), dtype) }
  package static func integer(_ value: Int64, _ dtype: DType = .i64) -> Expr { Expr(.integer(value), dtype) }
  package static func real(_ value: Double, _ dtype: DType) -> Expr { Expr(.real(value), dtype) }
  package static func bool(_ value: Bool) -> Expr { Expr(.integer(value ? 1 : 0), .bool) }
  package static func axis(_ axis: Axis) -> Expr { Expr(.axis(axis), .i64) }
  package static func size(_ index: Int) -> Expr { Expr(.size(index), .i64) }
  package static func local(_ local: Local) -> Expr { Expr(.local(local), local.dtype) }

  /// A constant of any type: floats as they are, integers rounded toward zero.
  package static func constant(_ value: Double, _ dtype: DType) -> Expr {
    dtype.isFloat ? .real(value, dtype.computeType) : .integer(Int64(saturating: value), dtype)
  }

  /// A load; `dtype` is the buffer's storage type and the value has its compute type.
  package static func load(_ buffer: Int, _ dtype: DType, at offset: Expr, guard condition: Expr? = nil) -> Expr {
    if let condition, case .integer(let value) = condition.kind {
      if value == 0 { return .constant(0, dtype.computeType) }
      return Expr(.load(buffer: buffer, offset: offset, guard: nil), dtype.computeType)
    }
    return Expr(.load(buffer: buffer, offset: offset, guard: condition), dtype.computeType)
  }

  /// The value of an integer or bool constant.
  package var integerValue: Int64? {
    if case .integer(let value) = kind { return value }
    return nil
  }

  /// The value of a float constant.
  package var realValue: Double? {
    if case .real(let value) = kind { return value }
    return nil
  }

  var isLoad: Bool { if case .load = kind { true } else { false } }

  package var isZero: Bool { integerValue == 0 || realValue == 0 }

  // MARK: Nodes

  package static func unary(_ function: UnaryFunction, _ x: Expr) -> Expr {
    switch function {
    case .isNaN, .isInf:
      return Expr(.unary(function, x), .bool)
    case .not:
      if let value = x.integerValue { return .bool(value == 0) }
      if case .unary(.not, let inner) = x.kind { return inner }
      return Expr(.unary(function, x), .bool)
    default:
      return Expr(.unary(function, x), x.dtype)
    }
  }

  package static func binary(_ function: BinaryFunction, _ a: Expr, _ b: Expr) -> Expr {
    if let folded = foldIndex(function, a, b) { return folded }
    return Expr(.binary(function, a, b), function.isComparison ? .bool : a.dtype)
  }

  package static func select(_ condition: Expr, _ a: Expr, _ b: Expr) -> Expr {
    if let value = condition.integerValue { return value != 0 ? a : b }
    if a == b { return a }
    return Expr(.select(condition, a, b), a.dtype)
  }

  package func cast(to target: DType) -> Expr {
    if target == dtype { return self }
    if let value = integerValue, dtype != .u64 {
      if target == .bool { return .bool(value != 0) }
      if target.isFloat && value.magnitude <= 1 << 24 { return .real(Double(value), target) }
      if target == .i64 { return .integer(value) }
    }
    return Expr(.cast(self), target)
  }

  package static func max(_ a: Expr, _ b: Expr) -> Expr { .binary(.max, a, b) }
  package static func min(_ a: Expr, _ b: Expr) -> Expr { .binary(.min, a, b) }
  package static func floorDiv(_ a: Expr, _ b: Expr) -> Expr { .binary(.floorDiv, a, b) }
  package static func mod(_ a: Expr, _ b: Expr) -> Expr { .binary(.mod, a, b) }

  package static func + (a: Expr, b: Expr) -> Expr { .binary(.add, a, b) }
  package static func - (a: Expr, b: Expr) -> Expr { .binary(.sub, a, b) }
  package static func * (a: Expr, b: Expr) -> Expr { .binary(.mul, a, b) }
  package static func / (a: Expr, b: Expr) -> Expr { .binary(.div, a, b) }
  package static prefix func - (a: Expr) -> Expr { .unary(.neg, a) }

  package static func + (a: Expr, b: Double) -> Expr { a + .constant(b, a.dtype) }
  package static func + (a: Double, b: Expr) -> Expr { .constant(a, b.dtype) + b }
  package static func - (a: Expr, b: Double) -> Expr { a - .constant(b, a.dtype) }
  package static func - (a: Double, b: Expr) -> Expr { .constant(a, b.dtype) - b }
  package static func * (a: Expr, b: Double) -> Expr { a * .constant(b, a.dtype) }
  package static func * (a: Double, b: Expr) -> Expr { .constant(a, b.dtype) * b }
  package static func / (a: Expr, b: Double) -> Expr { a / .constant(b, a.dtype) }
  package static func / (a: Double, b: Expr) -> Expr { .constant(a, b.dtype) / b }

  package static func && (a: Expr, b: Expr) -> Expr { .binary(.and, a, b) }
  package static func || (a: Expr, b: Expr) -> Expr { .binary(.or, a, b) }
  package static func less(_ a: Expr, _ b: Expr) -> Expr { .binary(.lt, a, b) }

  /// Integer and bool arithmetic on constants and neutral elements.
  private static func foldIndex(_ function: BinaryFunction, _ a: Expr, _ b: Expr) -> Expr? {
    let (x, y) = (a.integerValue, b.integerValue)
    if a.dtype == .bool {
      switch function {
      case .and:
        if x == 0 || y == 0 { return .bool(false) }
        return x != nil ? b : y != nil ? a : a == b ? a : nil
      case .or:
        if x == 1 || y == 1 { return .bool(true) }
        return x != nil ? b : y != nil ? a : a == b ? a : nil
      default: return nil
      }
    }
    guard a.dtype == .i64 else { return nil }
    if let x, let y {
      switch function {
      case .add: return .integer(x &+ y)
      case .sub: return .integer(x &- y)
      case .mul: return .integer(x &* y)
      case .floorDiv, .mod:
        if y == 0 { return .integer(0) }
        if y == -1 { return .integer(function == .mod ? 0 : 0 &- x) }
        let (q, r) = (x / y, x % y)
        let down = r != 0 && (r < 0) != (y < 0)
        return .integer(function == .mod ? (down ? r + y : r) : (down ? q - 1 : q))
      case .max: return .integer(Swift.max(x, y))
      case .min: return .integer(Swift.min(x, y))
      case .eq: return .bool(x == y)
      case .ne: return .bool(x != y)
      case .lt: return .bool(x < y)
      case .le: return .bool(x <= y)
      case .gt: return .bool(x > y)
      case .ge: return .bool(x >= y)
      default: return nil
      }
    }
    switch function {
    case .add:
      if x == 0 { return b }
      if y == 0 { return a }
      // (e + c) + d = e + (c + d)
      if let y, case .binary(.add, let e, let c) = a.kind, let c = c.integerValue { return e + .integer(c &+ y) }
    case .sub:
      if y == 0 { return a }
      if a == b { return .integer(0) }
      if let y { return a + .integer(0 &- y) }
    case .mul:
      if x == 0 || y == 0 { return .integer(0) }
      if x == 1 { return b }
      if y == 1 { return a }
      if x != nil { return b * a }
      if let y, case .binary(.mul, let e, let c) = a.kind, let c = c.integerValue { return e * .integer(c &* y) }
    case .floorDiv:
      if y == 1 { return a }
      if x == 0 { return .integer(0) }
    case .mod:
      if y == 1 || x == 0 { return .integer(0) }
    case .max, .min:
      if a == b { return a }
    case .eq, .le, .ge:
      if a == b { return .bool(true) }
    case .ne, .lt, .gt:
      if a == b { return .bool(false) }
    default: break
    }
    return nil
  }
}

extension DType {
  /// The type that arithmetic on stored elements of this type uses: halves are computed in f32, 4-bit integers in i8
  /// and u8.
  package var computeType: DType {
    switch self {
    case .f16, .bf16: .f32
    case .i4: .i8
    case .u4: .u8
    default: self
    }
  }
}
