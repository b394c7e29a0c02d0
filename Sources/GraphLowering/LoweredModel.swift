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
  /// Where it starts in the blob, a multiple of `Plan.alignment`.
  package var offset: Int
  package var byteCount: Int

  /// Writes its bytes to the zeroed memory at `target`, `byteCount` bytes.
  package func write(to target: UnsafeMutableRawBufferPointer) {
    if let packing {
      packing.pack(from: tensor.bytes, size: tensor.dtype.size, to: target)
    } else {
      target.copyMemory(from: tensor.bytes)
    }
  }
}

/// A model ready for code generation.
package struct LoweredModel: Sendable {
  package var plan: Plan
  /// In the order of `plan.kernels`.
  package var kernels: [Kernel]
  package var constants: [ConstantSource]

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
