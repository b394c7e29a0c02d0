// SPDX-License-Identifier: Apache-2.0
// Numbers expressions so that equal ones are emitted once.

import KernelIR
import TensorCore

/// Gives structurally equal expressions the same number, in time linear in their shared size. Float constants are
/// told apart by their bits, so 0 and -0 differ.
struct ExprNumbering {
  /// Deeper expressions are refused: every walk over one is recursive.
  static let maximumDepth = 2000

  private enum Key: Hashable {
    case integer(Int64, DType)
    case real(UInt64, DType)
    case axis(Int)
    case size(Int)
    case local(Int)
    case load(buffer: Int, offset: Int, guard: Int, DType)
    case unary(UnaryFunction, Int)
    case binary(BinaryFunction, Int, Int)
    case select(Int, Int, Int)
    case cast(Int, DType)
    case bitcast(Int, DType)
  }

  private var numbers: [Key: Int] = [:]
  /// Keeps the expressions alive, since their identity is the key.
  private var known: [ObjectIdentifier: (expr: Expr, number: Int)] = [:]
  private(set) var isTooDeep = false

  mutating func number(_ expr: Expr) -> Int { number(expr, depth: 0) }

  private mutating func number(_ expr: Expr, depth: Int) -> Int {
    if let found = known[ObjectIdentifier(expr)] { return found.number }
    guard depth < Self.maximumDepth else {
      isTooDeep = true
      return -1
    }
    let below = depth + 1
    var condition: Int?
    if case .load(_, _, let guardian?) = expr.kind { condition = number(guardian, depth: below) }
    let key: Key =
      switch expr.kind {
      case .integer(let value): .integer(value, expr.dtype)
      case .real(let value): .real(value.bitPattern, expr.dtype)
      case .axis(let axis): .axis(axis.id)
      case .size(let index): .size(index)
      case .local(let local): .local(local.id)
      case .load(let buffer, let offset, _):
        .load(buffer: buffer, offset: number(offset, depth: below), guard: condition ?? -1, expr.dtype)
      case .unary(let function, let x): .unary(function, number(x, depth: below))
      case .binary(let function, let a, let b):
        .binary(function, number(a, depth: below), number(b, depth: below))
      case .select(let condition, let a, let b):
        .select(number(condition, depth: below), number(a, depth: below), number(b, depth: below))
      case .cast(let x): .cast(number(x, depth: below), expr.dtype)
      case .bitcast(let x): .bitcast(number(x, depth: below), expr.dtype)
      }
    let made = numbers[key] ?? numbers.count
    numbers[key] = made
    known[ObjectIdentifier(expr)] = (expr, made)
    return made
  }
}
