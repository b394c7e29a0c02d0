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
