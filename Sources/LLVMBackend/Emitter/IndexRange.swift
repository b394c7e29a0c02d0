// SPDX-License-Identifier: Apache-2.0
// Bounds of i64 expressions, for narrower and cheaper arithmetic on lanes.

import KernelIR
import TensorCore

extension KernelEmitter {
  /// No tensor has an axis or size beyond this: its elements would not fit the address space.
  private static let sizeLimit: Int64 = 1 << 47

  /// Inclusive bounds of an i64 expression, when they can be told.
  func range(of e: Expr) -> ClosedRange<Int64>? {
    let number = numbering.number(e)
    if let known = ranges[number] { return known }
    let range = findRange(e)
    ranges[number] = .some(range)
    return range
  }

  private func findRange(_ e: Expr) -> ClosedRange<Int64>? {
    guard e.dtype == .i64 else { return nil }
    switch e.kind {
    case .integer(let value): return value...value
    case .axis(let axis): return axisRanges[axis.id] ?? 0...Self.sizeLimit
    case .size: return 0...Self.sizeLimit
    case .local(let local):
      if case .alias(let e) = locals[local.id] { return range(of: e) }
      return nil
    case .cast(let x):
      guard let bounds = x.dtype.integerRange, x.dtype != .u64 else { return nil }
      return bounds.low...bounds.high
    case .select(_, let x, let y):
      guard let p = range(of: x), let q = range(of: y) else { return nil }
      return min(p.lowerBound, q.lowerBound)...max(p.upperBound, q.upperBound)
    case .binary(let function, let x, let y):
      let (p, q) = (range(of: x), range(of: y))
      switch function {
      case .max, .min: return extreme(p, q, function == .max)
      case .mod:
        guard let q, q.lowerBound > 0 else { return nil }
        return 0...(q.upperBound - 1)
      default:
        guard let p, let q else { return nil }
        return arithmetic(function, p, q)
      }
    default: return nil
    }
  }

  private func extreme(_ p: ClosedRange<Int64>?, _ q: ClosedRange<Int64>?, _ isMax: Bool) -> ClosedRange<Int64>? {
    // One known side bounds the result on one end only.
    guard let p, let q else { return nil }
    return isMax
      ? max(p.lowerBound, q.lowerBound)...max(p.upperBound, q.upperBound)
      : min(p.lowerBound, q.lowerBound)...min(p.upperBound, q.upperBound)
  }

  private func arithmetic(_ function: BinaryFunction, _ p: ClosedRange<Int64>, _ q: ClosedRange<Int64>)
    -> ClosedRange<Int64>?
  {
    var corners: [Int64] = []
    for x in [p.lowerBound, p.upperBound] {
      for y in [q.lowerBound, q.upperBound] {
        let (value, overflow): (Int64, Bool)
        switch function {
        case .add: (value, overflow) = x.addingReportingOverflow(y)
        case .sub: (value, overflow) = x.subtractingReportingOverflow(y)
        case .mul: (value, overflow) = x.multipliedReportingOverflow(by: y)
        case .floorDiv:
          guard q.lowerBound > 0 else { return nil }
          (value, overflow) = (x >= 0 ? x / y : -((-(x + 1)) / y) - 1, false)
        default: return nil
        }
        if overflow { return nil }
        corners.append(value)
      }
    }
    guard let low = corners.min(), let high = corners.max() else { return nil }
    return low...high
  }

  /// The lanes of an index as i32 where bounds prove that nothing overflows, else nil.
  func narrowIndex(_ e: Expr) -> Value? {
    guard let range = range(of: e), Int64(Int32.min) <= range.lowerBound, range.upperBound <= Int64(Int32.max) else {
      return nil
    }
    switch shape(of: e) {
    case .uniform: return b.trunc(first(e), .i32)
    case .stride(let step):
      let lane = b.mul(b.trunc(emit(step), .i32), b.iota(ValueType(.i32, lanes?.count ?? 1)))
      return b.add(b.trunc(first(e), .i32), lane)
    case .varying: break
    }
    switch e.kind {
    case .cast(let x):
      let value = emit(x)
      guard value.type.scalar.bits <= 32, x.dtype.isInteger else { return nil }
      return x.dtype.isSigned ? b.sext(value, .i32) : b.zext(value, .i32)
    case .binary(let function, let x, let y):
      guard let p = narrowIndex(x), let q = narrowIndex(y) else { return nil }
      switch function {
      case .add: return b.add(p, q)
      case .sub: return b.sub(p, q)
      case .mul: return b.mul(p, q)
      case .max: return b.select(b.compare(.sgt, p, q), p, q)
      case .min: return b.select(b.compare(.slt, p, q), p, q)
      case .floorDiv, .mod:
        // A constant divisor becomes a multiplication; a lane-wise division would be taken apart.
        guard let divisor = y.integerValue, divisor > 0, let low = self.range(of: x)?.lowerBound, low >= 0 else {
          return nil
        }
        return function == .mod ? b.urem(p, q) : b.udiv(p, q)
      default: return nil
      }
    default: return nil
    }
  }
}
