// SPDX-License-Identifier: Apache-2.0
// Tensors whose bytes are a mapped file, without a copy where that is right.

import GraphSupport
import TensorCore

/// A mapped file as tensor storage; the mapping lives as long as a tensor uses it.
struct MappedFile: Sendable {
  let mapping: FileMapping
  let storage: TensorStorage

  init(_ path: String) throws(DiagnosticsError) {
    let mapping = try FileMapping(path)
    self.mapping = mapping
    // The pages are read-only; nobody writes to the storage of a tensor that already has its values.
    storage = TensorStorage(adopting: UnsafeMutableRawBufferPointer(mutating: mapping.bytes), file: mapping.descriptor) { _ in
      withExtendedLifetime(mapping) {}
    }
  }

  /// The whole file; who uses them keeps this value alive meanwhile.
  var bytes: UnsafeRawBufferPointer { mapping.bytes }

  /// The tensor at `offset`: a view when its elements are aligned there, else a copy. Booleans are made 0 or 1.
  func tensor(_ dtype: DType, _ shape: [Int], at offset: Int, _ fault: FileFault) throws(DiagnosticsError) -> Tensor {
    guard let view = Tensor(dtype, shape, storage: storage, byteOffset: offset) else {
      throw fault.malformed("\(dtype)\(shape) at byte \(offset) is outside the file's \(bytes.count) bytes")
    }
    let aligned = Int(bitPattern: view.bytes.baseAddress) % dtype.size == 0
    let clean = dtype != .bool || view.bytes.allSatisfy { $0 <= 1 }
    if aligned && clean { return view }
    return try copied(dtype, shape, view.bytes, fault)
  }
}

/// A new tensor with the given bytes; their count is right for the type. Booleans are made 0 or 1.
func copied(
  _ dtype: DType, _ shape: [Int], _ bytes: UnsafeRawBufferPointer, _ fault: FileFault
) throws(DiagnosticsError) -> Tensor {
  guard let copy = Tensor(zeros: dtype, shape) else { throw fault.outOfMemory(bytes.count) }
  copy.mutableBytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(copy.byteCount)))
  if dtype == .bool { normaliseBooleans(copy) }
  return copy
}

/// Makes every non-zero byte of a new boolean tensor 1.
func normaliseBooleans(_ tensor: Tensor) {
  let bytes = tensor.mutableBytes
  for index in bytes.indices where bytes[index] > 1 { bytes[index] = 1 }
}
