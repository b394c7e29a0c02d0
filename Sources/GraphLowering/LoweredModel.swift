// SPDX-License-Identifier: Apache-2.0
// What lowering gives: kernels, the plan that calls them, and where the constants' bytes come from.

import GraphIR
import KernelIR
import PlanIR
import TensorCore

/// A part of the weights blob.
package struct ConstantSource: Sendable {
  package var tensor: Tensor
  /// How it is packed; nil for row-major as it is.
  package var packing: Packing?
  /// Where it starts in the blob.
  package var offset: Int
  package var byteCount: Int
  /// Whether it has whole pages of the blob, in which it lies as in its file.
  package var isMapped = false

  /// Writes its bytes to the zeroed memory at `target`, `byteCount` bytes, or maps its file there. What was read of a
  /// mapped file is given back, so that the weights are not in memory twice.
  package func write(to target: UnsafeMutableRawBufferPointer) {
    if isMapped, let start = target.baseAddress,
      tensor.storage.map(tensor.byteOffset..<tensor.byteOffset + byteCount, at: start)
    { return }
    defer { tensor.storage.dropPages(tensor.byteOffset..<tensor.byteOffset + tensor.byteCount) }
    if let packing {
      return packing.pack(from: tensor.bytes, size: tensor.dtype.size, to: target)
    }
    let step = 1 << 20
    for start in stride(from: 0, to: tensor.byteCount, by: step) {
      let end = min(start + step, tensor.byteCount)
      UnsafeMutableRawBufferPointer(rebasing: target[start..<end])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: tensor.bytes[start..<end]))
      tensor.storage.dropPages(tensor.byteOffset + start..<tensor.byteOffset + end)
    }
  }
}

/// A model ready for code generation.
package struct LoweredModel: Sendable {
  package var plan: Plan
  /// In the order of `plan.kernels`.
  package var kernels: [Kernel]
  package var constants: [ConstantSource]
  /// For each step of the plan, what its register tile is chosen by, if it has one.
  package var contractions: [ContractionShape?] = []

  /// The weights blob; nil when memory is short.
  package func weights() -> TensorStorage? {
    guard let storage = TensorStorage(zeros: plan.weightsByteCount) else { return nil }
    for constant in constants {
      constant.write(
        to: UnsafeMutableRawBufferPointer(rebasing: storage.bytes[constant.offset..<constant.offset + constant.byteCount]))
    }
    return storage
  }
}
