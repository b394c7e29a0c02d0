// SPDX-License-Identifier: Apache-2.0
// The panel layout of a contraction's B operand, and packing into it.

import TensorCore

/// The layout `[panel][depth][panelWidth]` of a matrix of `depth` x `columns`; the last panel is padded with zeros.
package struct PackedWeights: Hashable, Sendable {
  package let depth: Int
  package let columns: Int
  package let panelWidth: Int
  /// Elements, padding included.
  package let count: Int

  /// Nil when a size is negative, the width is not positive, or the count overflows.
  package init?(depth: Int, columns: Int, panelWidth: Int) {
    guard depth >= 0, columns >= 0, panelWidth > 0 else { return nil }
    let panels = columns / panelWidth + (columns % panelWidth == 0 ? 0 : 1)
    guard let count = Tensor.count(of: [panels, depth, panelWidth]) else { return nil }
    self.depth = depth
    self.columns = columns
    self.panelWidth = panelWidth
    self.count = count
  }

  package var panels: Int { columns / panelWidth + (columns % panelWidth == 0 ? 0 : 1) }

  /// The place of an element.
  package func offset(depth k: Int, column n: Int) -> Int {
    (n / panelWidth * depth + k) * panelWidth + n % panelWidth
  }

  /// One axis of the depth, outermost first: the same axes in the same order as the contraction's.
  package struct Axis: Hashable, Sendable {
    package var extent: Int
    /// In elements of the source.
    package var stride: Int
    package init(extent: Int, stride: Int) {
      self.extent = extent
      self.stride = stride
    }
  }

  /// Packs a matrix out of `source`: element (k, n) is at `offset + Σ kᵢ · strideᵢ + n · columnStride`. Gives a tensor of
  /// `count` elements of the same type; nil when the axes do not multiply to the depth, when the source ends before
  /// the matrix does, or when memory is short.
  package func pack(_ source: Tensor, offset: Int = 0, axes: [Axis], columnStride: Int) -> Tensor? {
    guard let product = Tensor.count(of: axes.map(\.extent)), product == depth, reaches(source, offset, axes, columnStride),
      let packed = Tensor(zeros: source.dtype, [count])
    else { return nil }
    if count == 0 || columns == 0 { return packed }
    let width = source.dtype.bits / 8
    var index = Array(repeating: 0, count: axes.count)
    var start = offset
    for k in 0..<depth {
      for panel in 0..<panels {
        let first = panel * panelWidth
        let filled = min(panelWidth, columns - first)
        let (from, to) = (start + first * columnStride, (panel * depth + k) * panelWidth)
        if width == 0 {
          for n in 0..<filled { packed.set(to + n, integer: source.integer(from + n * columnStride)) }
        } else {
          copy(source, from, columnStride, packed, to, filled, width)
        }
      }
      // The next depth index, innermost axis first.
      for axis in axes.indices.reversed() {
        index[axis] += 1
        start += axes[axis].stride
        if index[axis] < axes[axis].extent { break }
        start -= index[axis] * axes[axis].stride
        index[axis] = 0
      }
    }
    return packed
  }

  private func copy(
    _ source: Tensor, _ from: Int, _ stride: Int, _ packed: Tensor, _ to: Int, _ count: Int, _ width: Int
  ) {
    let (input, output) = (source.bytes, packed.mutableBytes)
    if stride == 1 {
      output[(to * width)..<(to + count) * width].copyBytes(from: input[(from * width)..<(from + count) * width])
      return
    }
    for n in 0..<count {
      let at = (from + n * stride) * width
      for byte in 0..<width { output[(to + n) * width + byte] = input[at + byte] }
    }
  }

  /// Whether every element of the matrix is in the source.
  private func reaches(_ source: Tensor, _ offset: Int, _ axes: [Axis], _ columnStride: Int) -> Bool {
    if depth == 0 || columns == 0 { return true }
    var (low, high) = (offset, offset)
    for (extent, stride) in axes.map({ ($0.extent, $0.stride) }) + [(columns, columnStride)] {
      let (span, overflow) = (extent - 1).multipliedReportingOverflow(by: stride)
      let (sum, beyond) = (span < 0 ? low : high).addingReportingOverflow(span)
      if overflow || beyond { return false }
      if span < 0 { low = sum } else { high = sum }
    }
    return low >= 0 && high < source.count
  }
}
