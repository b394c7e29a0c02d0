// SPDX-License-Identifier: Apache-2.0
// How a constant operand of a contraction is laid out for the micro-kernel.

import TensorCore

/// A constant packed as `[batch][panel][depth][group][panelWidth]`: for each batch index and each panel of columns, the
/// elements in the order the micro-kernel reads them, the last panel padded with zeros. Groups are columns that are
/// computed side by side; most contractions have one. With `s` steps of the depth side by side,
/// `[batch][panel][depth / s][group][panelWidth][s]`.
package struct Packing: Hashable, Sendable {
  /// One axis of the packed operand: its extent and its stride in the constant, in elements.
  package struct Axis: Hashable, Sendable {
    package var extent: Int
    package var stride: Int
    package init(extent: Int, stride: Int) {
      self.extent = extent
      self.stride = stride
    }
  }

  /// Where the element at index 0 of all axes is in the constant.
  package var offset: Int
  package var batch: [Axis]
  package var depth: [Axis]
  package var columns: [Axis]
  /// Where each group's first column is, in elements from the first group's.
  package var groups: [Int]
  package var panelWidth: Int
  /// Steps of the depth that lie side by side.
  package struct Interleaving: Hashable, Sendable {
    package var steps: Int
    /// Each run of so many steps is interleaved by itself, its end filled up with zeros.
    package var run: Int
    package init(steps: Int, run: Int) {
      self.steps = steps
      self.run = run
    }
  }
  package var interleaving: Interleaving?

  package init(
    offset: Int, batch: [Axis], depth: [Axis], columns: [Axis], groups: [Int] = [0], panelWidth: Int,
    interleaving: Interleaving? = nil
  ) {
    self.offset = offset
    self.batch = batch
    self.depth = depth
    self.columns = columns
    self.groups = groups
    self.panelWidth = panelWidth
    self.interleaving = interleaving
  }

  package var batchCount: Int { batch.reduce(1) { $0 * $1.extent } }
  package var depthCount: Int { depth.reduce(1) { $0 * $1.extent } }
  package var columnCount: Int { columns.reduce(1) { $0 * $1.extent } }
  /// Elements of one panel.
  package var panelStride: Int { step(depthCount) * groups.count * panelWidth }
  package var panelCount: Int { (columnCount + panelWidth - 1) / panelWidth }
  /// Elements of one batch index.
  package var batchStride: Int { panelCount * panelStride }
  package var elementCount: Int { batchCount * batchStride }

  package var description: String {
    let together = interleaving.map { ", \($0.steps)" } ?? ""
    return "[\(batch.isEmpty ? "" : "\(batchCount), ")\(panelCount), \(step(depthCount) / (interleaving?.steps ?? 1)), "
      + "\(groups.count == 1 ? "" : "\(groups.count), ")\(panelWidth)\(together)] panels"
  }

  /// Where a step of the depth is among those of a panel, which may be padded.
  private func step(_ number: Int) -> Int {
    interleaving.map { number / $0.run * (($0.run + $0.steps - 1) / $0.steps * $0.steps) + number % $0.run } ?? number
  }

  /// Writes the packed elements of `size` bytes each to zeroed memory of `elementCount` elements.
  package func pack(from source: UnsafeRawBufferPointer, size: Int, to target: UnsafeMutableRawBufferPointer) {
    guard let from = source.baseAddress, let into = target.baseAddress else { return }
    let columnOffsets = Packing.offsets(columns)
    let depthOffsets = Packing.offsets(depth)
    var place = 0
    let together = interleaving?.steps ?? 1
    for base in Packing.offsets(batch) {
      for panel in 0..<panelCount {
        let first = panel * panelWidth
        let width = min(panelWidth, columnOffsets.count - first)
        // Panels whose columns are neighbours in the constant are copied row by row.
        let isContiguous =
          together == 1 && (1..<max(width, 1)).allSatisfy { columnOffsets[first + $0] == columnOffsets[first] + $0 }
        for (number, k) in depthOffsets.enumerated() {
          let step = step(number)
          for (position, group) in groups.enumerated() {
            let start = offset + base + k + group
            let to = place + (step / together * groups.count + position) * panelWidth * together + step % together
            if isContiguous {
              memoryCopy(into + to * size, from + (start + columnOffsets[first]) * size, width * size)
            } else {
              for column in 0..<width {
                let source = from + (start + columnOffsets[first + column]) * size
                memoryCopy(into + (to + column * together) * size, source, size)
              }
            }
          }
        }
        place += panelStride
      }
    }
  }

  private func memoryCopy(_ to: UnsafeMutableRawPointer, _ from: UnsafeRawPointer, _ count: Int) {
    switch count {
    case 1: to.storeBytes(of: from.load(as: UInt8.self), as: UInt8.self)
    case 2: to.storeBytes(of: from.loadUnaligned(as: UInt16.self), as: UInt16.self)
    case 4: to.storeBytes(of: from.loadUnaligned(as: UInt32.self), as: UInt32.self)
    default:
      to.copyMemory(from: from, byteCount: count)
    }
  }

  /// The flat offsets of all indices of some axes in row-major order.
  private static func offsets(_ axes: [Axis]) -> [Int] {
    axes.reduce([0]) { outer, axis in outer.flatMap { base in (0..<axis.extent).map { base + $0 * axis.stride } } }
  }
}
