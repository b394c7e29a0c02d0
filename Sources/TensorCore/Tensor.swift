// SPDX-License-Identifier: Apache-2.0
// A tensor in memory: element type, sizes, and bytes that may be owned, borrowed or a mapped file.
//
// Elements are row-major, contiguous and in the machine's byte order (little endian on every supported machine).

/// Bytes with an owner. They are written only by whoever made them, before anybody else sees them.
package final class TensorStorage: @unchecked Sendable {
  package let bytes: UnsafeMutableRawBufferPointer
  /// The file whose mapping the bytes are, from its start; nil where they are no file's.
  package let file: Int32?
  private let release: @Sendable (UnsafeMutableRawBufferPointer) -> Void

  /// Takes bytes over; `release` runs once, when nobody uses them any more.
  package init(
    adopting bytes: UnsafeMutableRawBufferPointer, file: Int32? = nil,
    release: @escaping @Sendable (UnsafeMutableRawBufferPointer) -> Void
  ) {
    self.bytes = bytes
    self.file = file
    self.release = release
  }

  deinit { release(bytes) }
}

/// A tensor value. Copies share their bytes.
package struct Tensor: @unchecked Sendable {
  package let dtype: DType
  package let shape: [Int]
  package let storage: TensorStorage
  /// Where the first element is in `storage`.
  package let byteOffset: Int

  /// The number of elements.
  package let count: Int

  /// A view of `storage`; nil when the sizes are negative, overflow or do not fit the bytes.
  package init?(_ dtype: DType, _ shape: [Int], storage: TensorStorage, byteOffset: Int = 0) {
    guard let count = Tensor.count(of: shape), let bytes = dtype.byteCount(count), byteOffset >= 0,
      byteOffset <= storage.bytes.count, bytes <= storage.bytes.count - byteOffset
    else { return nil }
    self.dtype = dtype
    self.shape = shape
    self.storage = storage
    self.byteOffset = byteOffset
    self.count = count
  }

  /// A tensor of zeros, 64-byte aligned; nil when the sizes are negative, overflow, or memory is short.
  package init?(zeros dtype: DType, _ shape: [Int]) {
    guard let count = Tensor.count(of: shape), let bytes = dtype.byteCount(count),
      let storage = TensorStorage(zeros: bytes)
    else { return nil }
    self.init(dtype, shape, storage: storage)
  }

  /// The product of sizes, or nil when one is negative or the product overflows.
  package static func count(of shape: [Int]) -> Int? {
    var count = 1
    for size in shape {
      guard size >= 0 else { return nil }
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      if overflow { return nil }
      count = product
    }
    return count
  }

  package var byteCount: Int { dtype.byteCount(count) ?? 0 }

  /// The tensor's own bytes, there as long as somebody holds the tensor: the compiler may release a tensor behind its
  /// last mention, so prefer `withBytes` where this pointer is the last.
  package var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(storage.bytes)[byteOffset..<byteOffset + byteCount])
  }

  /// The tensor's bytes for the one who fills a new tensor.
  package var mutableBytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: storage.bytes[byteOffset..<byteOffset + byteCount])
  }

  package var type: TensorType { TensorType(dtype, shape.map { Dim($0) }) }

  /// The same elements with other sizes; nil when the counts differ.
  package func reshaped(_ shape: [Int]) -> Tensor? {
    guard Tensor.count(of: shape) == count else { return nil }
    return Tensor(dtype, shape, storage: storage, byteOffset: byteOffset)
  }
}
