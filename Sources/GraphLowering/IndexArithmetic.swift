// SPDX-License-Identifier: Apache-2.0
// Index expressions between multi-dimensional indices and flat offsets, keeping them affine wherever they are.

import GraphIR
import KernelIR
import TensorCore

/// The flat row-major offset of an index. Components that were split from one number by division and remainder are
/// put together again, so that a view of contiguous memory stays one affine expression.
func flatOffset(_ index: [Expr], _ sizes: [Expr]) -> Expr {
  guard var offset = index.first else { return .int(0) }
  for axis in 1..<max(index.count, 1) where axis < index.count {
    offset = joined(offset, index[axis], size: sizes[axis])
  }
  return offset
}

/// `high · size + low`
private func joined(_ high: Expr, _ low: Expr, size: Expr) -> Expr {
  if case .binary(.mod, let whole, size) = low.kind {
    // (e // s) · s + e % s = e
    if case .binary(.floorDiv, whole, size) = high.kind { return whole }
    // ((e // s) % d) · s + e % s = e % (d · s)
    if case .binary(.mod, let inner, let d) = high.kind, case .binary(.floorDiv, whole, size) = inner.kind {
      return .mod(whole, d * size)
    }
  }
  return high * size + low
}

/// The index of a flat offset.
func splitOffset(_ offset: Expr, _ sizes: [Expr]) -> [Expr] {
  guard !sizes.isEmpty else { return [] }
  var rest = offset
  var index = [Expr](repeating: .int(0), count: sizes.count)
  for axis in stride(from: sizes.count - 1, to: 0, by: -1) {
    index[axis] = .mod(rest, sizes[axis])
    rest = .floorDiv(rest, sizes[axis])
  }
  index[0] = rest
  return index
}

/// The index into a tensor of shape `from` of the element that has `index` in the same elements reshaped to `to`. Axes
/// are matched in groups of equal element counts, so that axes a reshape does not touch stay apart from it.
func reshapeIndex(_ index: [Expr], from: [Dim], to: [Dim], size: (Dim) -> Expr) -> [Expr] {
  var result: [Expr] = []
  var (i, j) = (0, 0)
  while i < from.count {
    // The smallest groups from both sides with the same number of elements.
    var (iEnd, jEnd) = (i + 1, j)
    var (source, target) = (from[i], Dim(1))
    while source != target {
      if let s = source.value, let t = target.value, s < t, iEnd < from.count {
        source = source * from[iEnd]
        iEnd += 1
      } else if jEnd < to.count {
        target = target * to[jEnd]
        jEnd += 1
      } else if iEnd < from.count {
        source = source * from[iEnd]
        iEnd += 1
      } else {
        break
      }
    }
    // Trailing axes of size 1 belong to the last group.
    if iEnd == from.count { jEnd = to.count }
    let flat = flatOffset(Array(index[j..<jEnd]), to[j..<jEnd].map(size))
    result += splitOffset(flat, from[i..<iEnd].map(size))
    (i, j) = (iEnd, jEnd)
  }
  return result
}
