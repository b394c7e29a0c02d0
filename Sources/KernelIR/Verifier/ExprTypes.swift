// SPDX-License-Identifier: Apache-2.0
// The type rules of expressions.

import TensorCore

extension DType {
  /// Whether expressions can have this type: halves and 4-bit integers exist in memory only.
  package var isComputeType: Bool { computeType == self }

  fileprivate var isNumber: Bool { self != .bool }
}

extension UnaryFunction {
  /// Whether the function takes operands of a type.
  package func accepts(_ dtype: DType) -> Bool {
    switch self {
    case .neg, .abs, .sign: dtype.isNumber
    case .not: dtype == .bool
    case .bitNot: dtype.isInteger
    default: dtype.isFloat
    }
  }

  /// The type of the result.
  package func result(_ dtype: DType) -> DType {
    switch self {
    case .isNaN, .isInf, .not: .bool
    default: dtype
    }
  }
}

extension BinaryFunction {
  /// Whether the function takes operands of a type.
  package func accepts(_ dtype: DType) -> Bool {
    switch self {
    case .add, .sub, .mul, .div, .floorDiv, .mod, .rem, .max, .min, .pow, .lt, .le, .gt, .ge: dtype.isNumber
    case .eq, .ne: true
    case .atan2: dtype.isFloat
    case .and, .or, .xor: !dtype.isFloat
    case .shl, .shr: dtype.isInteger
    }
  }
}

extension Combiner {
  /// Whether elements of a type can be combined.
  package func accepts(_ dtype: DType) -> Bool {
    switch self {
    case .sum, .product, .max, .min: dtype.isNumber
    case .and, .or: !dtype.isFloat
    }
  }
}

extension Expr {
  /// What is wrong with this node, given that its operands are right; nil when nothing is. Buffers, sizes and scopes
  /// are the verifier's.
  func typeError() -> String? {
    guard dtype.isComputeType else { return "an expression has the type \(dtype), which exists in memory only" }
    switch kind {
    case .integer(let value):
      guard let range = dtype.integerRange else { return "an integer constant has the type \(dtype)" }
      guard dtype == .u64 || (range.low...range.high).contains(value) else {
        return "the constant \(value) is not a value of \(dtype)"
      }
    case .real:
      guard dtype.isFloat else { return "a float constant has the type \(dtype)" }
    case .axis, .size:
      guard dtype == .i64 else { return "an axis or size has the type \(dtype), expected i64" }
    case .local(let local):
      guard dtype == local.dtype else { return "'\(local.name)' is \(local.dtype) but is read as \(dtype)" }
    case .load(_, let offset, let condition):
      guard offset.dtype == .i64 else { return "an offset has the type \(offset.dtype), expected i64" }
      guard condition?.dtype ?? .bool == .bool else { return "a guard is not bool" }
    case .unary(let function, let x):
      guard function.accepts(x.dtype) else { return "'\(function.rawValue)' does not take \(x.dtype)" }
      guard dtype == function.result(x.dtype) else { return "'\(function.rawValue)' of \(x.dtype) is not \(dtype)" }
    case .binary(let function, let a, let b):
      guard a.dtype == b.dtype else {
        return "'\(function.rawValue)' has operands of \(a.dtype) and \(b.dtype), expected the same type"
      }
      guard function.accepts(a.dtype) else { return "'\(function.rawValue)' does not take \(a.dtype)" }
      guard dtype == (function.isComparison ? .bool : a.dtype) else {
        return "'\(function.rawValue)' of \(a.dtype) is not \(dtype)"
      }
    case .select(let c, let a, let b):
      guard c.dtype == .bool else { return "the condition of 'select' is \(c.dtype), expected bool" }
      guard a.dtype == b.dtype, dtype == a.dtype else {
        return "'select' has values of \(a.dtype) and \(b.dtype) and the type \(dtype), expected the same type"
      }
    case .cast:
      break
    case .bitcast(let x):
      guard dtype.bits == x.dtype.bits, dtype != .bool, x.dtype != .bool else {
        return "'bitcast' from \(x.dtype) to \(dtype), expected the same width"
      }
    }
    return nil
  }
}
