// SPDX-License-Identifier: Apache-2.0
// Functions of two operands.

import KernelIR
import TensorCore

extension BinaryFunction {
  /// Whether its code has loops of its own.
  func hasBlocks(_ dtype: DType) -> Bool {
    switch self {
    case .pow where dtype.isInteger: true
    default: dtype.isFloat && MathEmitter.endsBlock(self)
    }
  }
}

extension KernelEmitter {
  func emitBinary(_ function: BinaryFunction, _ x: Expr, _ y: Expr) -> Value {
    if function.isComparison, let quick = laneComparison(function, x, y) { return quick }
    let (p, q) = (emit(x), emit(y))
    switch function {
    case .div, .rem, .floorDiv, .mod:
      if !x.dtype.isFloat {
        let isExact = x.dtype == .i64 && isExactInDouble(x) && isExactInDouble(y)
        return integerDivision(function, p, q, x.dtype, isExactInDouble: isExact)
      }
    default: break
    }
    return combine(function, p, q, x.dtype)
  }

  /// Applies a function to values; integer division goes through `emitBinary`.
  package func combine(_ function: BinaryFunction, _ p: Value, _ q: Value, _ dtype: DType) -> Value {
    let isFloat = dtype.isFloat
    let math = MathEmitter(b)
    let isSigned = dtype.isSigned
    switch function {
    case .add: return b.add(p, q)
    case .sub: return b.sub(p, q)
    case .mul: return b.mul(p, q)
    case .div: return isFloat ? b.div(p, q) : integerDivision(function, p, q, dtype, isExactInDouble: false)
    case .floorDiv:
      guard isFloat else { return integerDivision(function, p, q, dtype, isExactInDouble: false) }
      let quotient = b.div(p, q)
      return b.intrinsic("llvm.floor", [quotient.type], [quotient], quotient.type)
    case .mod: return isFloat ? math.mod(p, q) : integerDivision(function, p, q, dtype, isExactInDouble: false)
    case .rem: return isFloat ? math.rem(p, q) : integerDivision(function, p, q, dtype, isExactInDouble: false)
    case .max, .min: return isFloat ? floatExtreme(function == .max, p, q) : integerExtreme(function, p, q, isSigned)
    case .pow:
      if isFloat { return math.pow(p, q) }
      let (p, q) = b.matched(p, q)
      return integerPower(p, q, dtype)
    case .atan2: return math.atan2(p, q)
    case .eq: return b.compare(isFloat ? .feq : .eq, p, q)
    case .ne: return b.compare(isFloat ? .fne : .ne, p, q)
    case .lt: return b.compare(isFloat ? .flt : isSigned ? .slt : .ult, p, q)
    case .le: return b.compare(isFloat ? .fle : isSigned ? .sle : .ule, p, q)
    case .gt: return b.compare(isFloat ? .fgt : isSigned ? .sgt : .ugt, p, q)
    case .ge: return b.compare(isFloat ? .fge : isSigned ? .sge : .uge, p, q)
    case .and: return b.and(p, q)
    case .or: return b.or(p, q)
    case .xor: return b.xor(p, q)
    case .shl, .shr: return shift(function, p, q, isSigned)
    }
  }

  private func isExactInDouble(_ e: Expr) -> Bool {
    guard let range = range(of: e) else { return false }
    return range.lowerBound >= -(1 << 52) && range.upperBound <= 1 << 52
  }

  /// A comparison of indices that differ by a constant step a lane: one scalar subtraction, then 32-bit lanes.
  private func laneComparison(_ function: BinaryFunction, _ x: Expr, _ y: Expr) -> Value? {
    guard let lanes, !isFirstLane, x.dtype == .i64, case .stride(let step) = shape(of: x - y),
      let step = step.integerValue, step != 0, step.magnitude <= 1 << 20,
      let p = range(of: x), let q = range(of: y), !p.lowerBound.subtractingReportingOverflow(q.upperBound).overflow,
      !p.upperBound.subtractingReportingOverflow(q.lowerBound).overflow
    else { return nil }
    // x - y = first + step · lane; compare step · lane with -first, both clamped to where the answer is constant.
    let bound = b.sub(first(y), first(x))
    let edge = step * Int64(lanes.count)
    let (low, high) = (Swift.min(edge, 0) - 1, Swift.max(edge, 0) + 1)
    let raised = b.select(b.compare(.slt, bound, b.int(low, .i64)), b.int(low, .i64), bound)
    let clamped = b.select(b.compare(.sgt, raised, b.int(high, .i64)), b.int(high, .i64), raised)
    let offsets = b.ints((0..<Int64(lanes.count)).map { $0 * step }, .i32)
    return combine(function, offsets, b.trunc(clamped, .i32), .i32)
  }

  private func integerExtreme(_ function: BinaryFunction, _ p: Value, _ q: Value, _ isSigned: Bool) -> Value {
    let greater: Builder.Predicate = isSigned ? .sgt : .ugt
    return function == .max ? b.select(b.compare(greater, p, q), p, q) : b.select(b.compare(greater, p, q), q, p)
  }

  /// IEEE 754-2019 maximum and minimum: NaN wins, and -0 is less than 0.
  private func floatExtreme(_ isMax: Bool, _ p: Value, _ q: Value) -> Value {
    if let cheap = floatExtreme(isMax, p, constant: q) ?? floatExtreme(isMax, q, constant: p) { return cheap }
    let (p, q) = b.matched(p, q)
    let type = p.type
    let integer = type.with(type.scalar.integer)
    let picked = b.select(b.compare(isMax ? .fgt : .flt, p, q), p, q)
    let (x, y) = (b.bitcast(p, integer), b.bitcast(q, integer))
    let zero = b.bitcast(isMax ? b.and(x, y) : b.or(x, y), type)
    let ordered = b.select(b.compare(.feq, p, q), zero, picked)
    return b.select(b.compare(.unordered, p, q), b.add(p, q), ordered)
  }

  /// With a constant that is not NaN one comparison is enough: where it is false, x is the answer, NaN or not.
  private func floatExtreme(_ isMax: Bool, _ x: Value, constant c: Value) -> Value? {
    guard let value = b.realConstant(c), !value.isNaN else { return nil }
    if value != 0 { return b.select(b.compare(isMax ? .fgt : .flt, c, x), c, x) }
    let isNegative = value.sign == .minus
    // max(x, 0) must turn -0 into 0 and min(x, -0) must turn 0 into -0; the other two keep x when it is a zero.
    let replaces: Builder.Predicate = isMax ? (isNegative ? .flt : .fle) : (isNegative ? .fge : .fgt)
    return b.select(b.compare(replaces, x, c), c, x)
  }

  private func shift(_ function: BinaryFunction, _ p: Value, _ count: Value, _ isSigned: Bool) -> Value {
    let (p, count) = b.matched(p, count)
    let width = b.int(p.type.scalar.bits, p.type)
    let isInside = b.compare(.ult, count, width)
    let safe = b.select(isInside, count, b.zero(p.type))
    if function == .shl { return b.select(isInside, b.shl(p, safe), b.zero(p.type)) }
    guard isSigned else { return b.select(isInside, b.lshr(p, safe), b.zero(p.type)) }
    return b.ashr(p, b.select(isInside, count, b.int(p.type.scalar.bits - 1, p.type)))
  }
}
