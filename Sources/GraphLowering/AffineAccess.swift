// SPDX-License-Identifier: Apache-2.0
// Index expressions as affine functions of axes, with symbolic strides.

import KernelIR
import TensorCore

/// `constant + Σ stride · axis`
struct AffineAccess {
  var strides: [Axis: Dim] = [:]
  var constant = Dim(0)

  func stride(_ axis: Axis) -> Dim { strides[axis] ?? 0 }

  /// The affine form of an i64 expression over axes and sizes; nil when it is not affine.
  init?(_ expr: Expr, sizeNames: [String]) {
    switch expr.kind {
    case .integer(let value): constant = Dim(Int(value))
    case .axis(let axis): strides[axis] = 1
    case .size(let index):
      guard sizeNames.indices.contains(index) else { return nil }
      constant = Dim(symbol: sizeNames[index])
    case .binary(let function, let a, let b):
      guard let x = AffineAccess(a, sizeNames: sizeNames), let y = AffineAccess(b, sizeNames: sizeNames) else { return nil }
      switch function {
      case .add: self = x.combined(with: y, sign: 1)
      case .sub: self = x.combined(with: y, sign: -1)
      case .mul:
        if x.strides.isEmpty {
          self = y.scaled(by: x.constant)
        } else if y.strides.isEmpty {
          self = x.scaled(by: y.constant)
        } else {
          return nil
        }
      case .floorDiv, .mod, .min, .max:
        guard x.strides.isEmpty, y.strides.isEmpty else { return nil }
        switch function {
        case .floorDiv: constant = Dim.floorDiv(x.constant, y.constant)
        case .mod: constant = Dim.mod(x.constant, y.constant)
        case .min: constant = Dim.min(x.constant, y.constant)
        default: constant = Dim.max(x.constant, y.constant)
        }
      default: return nil
      }
    default: return nil
    }
  }

  private func combined(with other: AffineAccess, sign: Int) -> AffineAccess {
    var result = self
    result.constant = constant + other.constant * Dim(sign)
    for (axis, stride) in other.strides {
      let sum = self.stride(axis) + stride * Dim(sign)
      result.strides[axis] = sum == 0 ? nil : sum
    }
    return result
  }

  private func scaled(by factor: Dim) -> AffineAccess {
    var result = self
    result.constant = constant * factor
    result.strides = factor == 0 ? [:] : strides.mapValues { $0 * factor }
    return result
  }
}

extension Expr {
  /// Every load in the expression, once each.
  var loads: [(buffer: Int, offset: Expr, condition: Expr?)] {
    var found: [(buffer: Int, offset: Expr, condition: Expr?)] = []
    var seen: Set<Expr> = []
    visit(&seen) { node in
      if case .load(let buffer, let offset, let condition) = node.kind { found.append((buffer, offset, condition)) }
    }
    return found
  }

  /// A rough number of cycles that one element costs beyond its loads.
  var arithmeticCost: Double {
    var cost = 0.0
    var seen: Set<Expr> = []
    visit(&seen) { node in
      switch node.kind {
      case .integer, .real, .axis, .size, .local, .load: break
      case .cast, .bitcast, .select: cost += node.dtype == .i64 ? 0 : 1
      case .unary(let function, _):
        switch function {
        case .neg, .abs, .sign, .floor, .ceil, .trunc, .round, .isNaN, .isInf, .not, .bitNot: cost += 1
        case .sqrt, .reciprocal: cost += 4
        default: cost += 12
        }
      case .binary(let function, let a, _):
        if a.dtype == .i64 { break }
        switch function {
        case .div, .floorDiv, .mod, .rem: cost += 4
        case .pow, .atan2: cost += 30
        default: cost += 1
        }
      }
    }
    return cost
  }
}
